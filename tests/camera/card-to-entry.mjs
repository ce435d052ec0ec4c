// A card's whole way: issued at the desk, printed, held to a real /dev/video0, read there, checked in on the host.
//
// gatehousectl serves a new gym; a member is registered, sold a plan and issued a card through the commands that the
// interface uses. The card's printed picture is what the virtual machine's camera sees; what the machine reads of it
// goes to `gatehousectl checkin`. In the end there is exactly one entry, and it is an admission.
//
// Needs the build, as tests/camera/vm does, and leaves nothing behind. The machine does the rest of its tests in the
// same run, since starting it takes as long as half of them.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(here, '../../target');
const gatehousectl = join(target, 'debug/gatehousectl');

// Not below /root or a 0700 folder: as root, Postgres runs under another account, which has to get there.
const folder = mkdtempSync('/var/tmp/gatehouse-card-');
chmodSync(folder, 0o755);
const home = join(folder, 'home');

function uuid() {
	const bytes = randomBytes(16);
	bytes.writeUIntBE(Date.now(), 0, 6);
	bytes[6] = 0x70 | (bytes[6] & 0x0f);
	bytes[8] = 0x80 | (bytes[8] & 0x3f);
	return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

let passed = 0;
function pass(what) {
	passed += 1;
	console.log(`PASS ${what}`);
}

/** Longest time that anything on this side of the machine takes, in milliseconds, however busy the computer is. */
const LONG = 120_000;

function ctl(...args) {
	const stdio = ['ignore', 'pipe', 'inherit'];
	return execFileSync(gatehousectl, args, { encoding: 'utf8', stdio, timeout: LONG });
}

/** Starts the service and gives its address. */
async function serve() {
	const child = spawn(gatehousectl, ['--data-dir', home, 'serve', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = new Promise((done) => child.on('exit', done));
	const late = setTimeout(() => child.kill('SIGTERM'), LONG);
	for await (const line of createInterface(child.stdout)) {
		const address = line.match(/http:\S+?(?=\/?$)/)?.[0];
		if (address) {
			clearTimeout(late);
			return { address, stop: () => (child.kill('SIGTERM'), ended) };
		}
	}
	throw new Error('gatehousectl serve has ended without an address');
}

/** The commands that the interface uses, in one session. */
function desk(address) {
	let session = '';
	let csrf = '';
	return async function call(command, request) {
		const response = await fetch(`${address}/rpc/${command}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json', cookie: session, 'x-gatehouse-csrf': csrf },
			body: JSON.stringify(request ?? null),
			signal: AbortSignal.timeout(LONG),
		});
		const answer = await response.json();
		assert.ok(response.ok, `${command}: ${JSON.stringify(answer)}`);
		session = response.headers.get('set-cookie')?.split(';')[0] ?? session;
		csrf = answer?.csrf_token ?? csrf;
		return answer;
	};
}

/** A gym with one member who has a running plan and a card; gives the member and the card's picture. */
async function issueCard(call) {
	await call('set_up', {
		gym_name: 'Card Gym',
		default_country: 'PL',
		branch_name: 'Centre',
		time_zone: 'Europe/Warsaw',
		currency: 'PLN',
		day_starts_at: 4,
		owner_name: 'Owner',
		owner_email: 'owner@example.org',
		owner_password: 'Correct-horse-1',
		owner_pin: null,
	});
	const plan = await call('plan_create', {
		id: uuid(),
		name: 'Month',
		native_name: null,
		kind: 'gym',
		training_type: null,
		tier: null,
		duration_unit: 'months',
		duration_count: 1,
		visits: null,
		visit_rule: 'per_day',
		access_windows: [],
		branch_scope: 'all',
		branch_ids: [],
		freeze_days: 0,
		freeze_times: 0,
		minimum_term_days: 0,
		notice_days: 0,
		price_minor: 12900,
	});
	const member = await call('member_register', { id: uuid(), full_name: 'Zofia Nowak', language: 'en' });
	await call('sell', {
		idempotency_key: uuid(),
		member_id: member.id,
		lines: [{ kind: 'new', plan_id: plan.id, starts_on: null }],
		expected_total: plan.price,
		payments: [{ method: 'cash', amount: plan.price, reference: null }],
	});
	const pass = await call('pass_issue', { id: uuid(), member_id: member.id });
	const card = await call('pass_print', { pass_ids: [pass.id], format: 'png' });
	return { member, picture: Buffer.from(card.base64, 'base64') };
}

/** What the machine's camera reads when it sees this card. */
function readInMachine(card) {
	const read = join(folder, 'read');
	// The machine has a limit of its own.
	execFileSync(join(here, 'vm'), { stdio: 'inherit', env: { ...process.env, CARD: card, CARD_READ: read } });
	return readFileSync(read, 'utf8');
}

let service;
try {
	service = await serve();
	const call = desk(service.address);
	const { member, picture } = await issueCard(call);

	const card = join(folder, 'card.png');
	writeFileSync(card, picture);
	const printed = JSON.parse(ctl('scan', '--source', card, '--json')).texts;
	assert.equal(printed.length, 1, 'the card carries one code');
	pass('the printed card is read');

	const read = readInMachine(card);
	assert.equal(read, printed[0]);
	pass('the camera reads what is on the card');

	const verdict = JSON.parse(ctl('--data-dir', home, 'checkin', '--code', read, '--json'));
	assert.equal(verdict.outcome, 'admitted', JSON.stringify(verdict));
	assert.equal(verdict.member.id, member.id);
	pass('the member is admitted');

	const entries = await call('member_entries', { member_id: member.id, limit: null });
	assert.equal(entries.total, 1);
	const inside = await call('inside');
	assert.deepEqual(inside.rows.map((row) => row.member.id), [member.id]);
	pass('there is one entry, and the member is inside');
	console.log(`card to entry: ${passed} passed`);
} finally {
	await service?.stop();
	rmSync(folder, { recursive: true, force: true });
}
