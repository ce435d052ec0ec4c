import { execFile, type ChildProcess } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { Gym, program, serve } from "./gym.js";

const run = promisify(execFile);
const ROLE = "branch_one";
const PASSWORD = "of-a-test";

/**
 * A gym that has lived alone, and a headquarters it joins: two databases on the gym's own server, each with its interface.
 * The line between them can be cut.
 */
export class Pair {
  /** Headquarters' interface, once it is open. */
  url = "";
  #server: ChildProcess | undefined;

  private constructor(
    readonly gym: Gym,
    private readonly owner: string,
    private readonly app: string,
  ) {}

  static async of(gym: Gym): Promise<Pair> {
    const secrets = JSON.parse(await readFile(path.join(gym.folder, "house/postgres/secrets.json"), "utf8"));
    const pair = new Pair(gym, secrets.owner, secrets.app);
    await pair.#sql("gatehouse_admin", secrets.admin, "postgres", [
      "create database headquarters owner gatehouse_owner",
      "grant connect on database headquarters to gatehouse_app",
      `create role ${ROLE} login password '${PASSWORD}'`,
      `grant connect on database headquarters to ${ROLE}`,
      "alter role gatehouse_owner createrole",
      `grant ${ROLE} to gatehouse_owner with admin option`,
      "grant pg_signal_backend to gatehouse_owner",
    ]);
    await run(program(), ["migrate", "--data-dir", path.join(gym.folder, "office")], { env: { ...process.env, ...pair.#at_headquarters } });
    const branch = await pair.branch("select id from branches");
    await pair.headquarters("select sync_found(gen_random_uuid())", `select sync_enrol('${branch}', '${ROLE}', true)`);
    await pair.branch(`select sync_join('${branch}', gen_random_uuid(), true)`);
    await gym.restart({ GATEHOUSE_HEADQUARTERS_URL: pair.#link(ROLE, PASSWORD, "headquarters") });
    return pair;
  }

  /** Opens headquarters' interface; its gym has come from the branch by then. */
  async open(): Promise<void> {
    const folder = path.join(this.gym.folder, "office");
    await mkdir(folder, { recursive: true });
    const { url, server } = await serve(folder, this.#at_headquarters, ["--desk", "Office"]);
    this.url = url;
    this.#server = server;
  }

  /** Ends the line and lets no new one come. */
  async cut(): Promise<void> {
    await this.headquarters(`alter role ${ROLE} nologin`, `select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '${ROLE}'`);
  }

  async mend(): Promise<void> {
    await this.headquarters(`alter role ${ROLE} login`);
  }

  /** Asks the branch's database, as its owner. */
  branch(...statements: string[]): Promise<string> {
    return this.#sql("gatehouse_owner", this.owner, "gatehouse", statements);
  }

  headquarters(...statements: string[]): Promise<string> {
    return this.#sql("gatehouse_owner", this.owner, "headquarters", statements);
  }

  /** What the branch's doctor says. */
  async doctor(): Promise<string> {
    return (await run(program(), ["doctor", "--data-dir", path.join(this.gym.folder, "house")])).stdout;
  }

  async close(): Promise<void> {
    if (this.#server) {
      const ended = new Promise((resolve) => this.#server?.once("exit", resolve));
      this.#server.kill("SIGTERM");
      await ended;
    }
    await this.gym.close();
  }

  get #sockets(): string {
    return path.join(this.gym.folder, "house/postgres/run");
  }

  get #at_headquarters() {
    return {
      GATEHOUSE_DATABASE_URL: this.#link("gatehouse_app", this.app, "headquarters"),
      GATEHOUSE_MIGRATE_URL: this.#link("gatehouse_owner", this.owner, "headquarters"),
    };
  }

  #link(role: string, password: string, database: string): string {
    return `postgres://${role}:${password}@localhost/${database}?host=${encodeURIComponent(this.#sockets)}`;
  }

  async #sql(role: string, password: string, database: string, statements: string[]): Promise<string> {
    const asked = statements.flatMap((statement) => ["-c", statement]);
    const { stdout } = await run("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", ...asked], {
      env: { ...process.env, PGHOST: this.#sockets, PGUSER: role, PGPASSWORD: password, PGDATABASE: database },
    });
    return stdout.trim();
  }
}
