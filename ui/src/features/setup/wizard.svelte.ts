import { call } from "../../ipc/client.js";
import { CallError } from "../../ipc/errors.js";
import { useCsrfToken } from "../../ipc/host.http.js";
import type { Me } from "../../ipc/wire.js";
import { newId } from "../../ipc/ids.js";
import { m } from "../../paraglide/messages.js";
import { goodPassword, goodPin } from "../../shared/form/secrets.js";
import { Form } from "../../shared/form/form.svelte.js";
import { emptyPlan } from "../plans/plan-form.js";
import { countryOf, guessCountry, guessZone } from "./countries.js";

export const steps = ["gym", "branch", "owner", "review", "plan", "receptionist", "done"] as const;
export type Step = (typeof steps)[number];

const missing = (text: string) => (text.trim() === "" ? m.error_required() : undefined);
const keep = () => Promise.resolve();

/**
 * First run. What is typed stays while going back and forth; the first four pages are sent together, since a gym
 * without an owner must not exist.
 */
export class Wizard {
  step: Step = $state("gym");
  /** The owner, once the server has created the gym. */
  me: Me | null = $state(null);
  planMade = $state(false);
  receptionistMade = $state(false);
  #suggested: { zone: string; currency: string };
  #planId = newId();

  gym = new Form({ gym_name: "", default_country: "" }, keep, ({ gym_name, default_country }) => ({
    gym_name: missing(gym_name),
    default_country: default_country === "" ? m.setup_country_missing() : undefined,
  }));

  branch = new Form(
    { branch_name: "", time_zone: "UTC", currency: "USD", day_starts_at: 0 },
    keep,
    ({ branch_name }) => ({ branch_name: missing(branch_name) }),
  );

  owner = new Form(
    { owner_name: "", owner_email: "", owner_password: "", owner_pin: "" },
    keep,
    ({ owner_name, owner_email, owner_password, owner_pin }) => ({
      owner_name: missing(owner_name),
      owner_email: missing(owner_email) ?? (owner_email.includes("@") ? undefined : m.error_email_format()),
      owner_password: goodPassword(owner_password) ? undefined : m.setup_password_weak(),
      owner_pin: owner_pin === "" || goodPin(owner_pin) ? undefined : m.error_pin_format(),
    }),
  );

  review = new Form({}, () => this.#create());

  plan = new Form(
    { name: "", months: 1, price_minor: null as number | null },
    async ({ name, months, price_minor }) => {
      await call("plan_create", {
        ...emptyPlan(),
        id: this.#planId,
        name,
        duration_count: months,
        price_minor: price_minor ?? 0,
      });
      this.planMade = true;
    },
    ({ name, price_minor }) => ({
      name: missing(name),
      price_minor: price_minor === null ? m.error_amount() : undefined,
    }),
  );

  receptionist = new Form(
    { full_name: "", username: "", password: "", pin: "" },
    async (values) => {
      await call("staff_create", {
        ...values,
        email: null,
        phone: null,
        roles: ["reception"],
        pin: values.pin === "" ? null : values.pin,
      });
      this.receptionistMade = true;
    },
    ({ full_name, username, password, pin }) => ({
      full_name: missing(full_name),
      username: missing(username),
      password: goodPassword(password) ? undefined : m.setup_password_weak(),
      pin: pin === "" || goodPin(pin) ? undefined : m.error_pin_format(),
    }),
  );

  constructor(
    readonly machineZone: string = Intl.DateTimeFormat().resolvedOptions().timeZone,
    languages: readonly string[] = navigator.languages,
  ) {
    this.gym.values.default_country = guessCountry(machineZone, languages);
    this.#suggested = this.#suggestion();
    this.branch.values.time_zone = this.#suggested.zone;
    this.branch.values.currency = this.#suggested.currency;
  }

  #suggestion() {
    const country = this.gym.values.default_country;
    return { zone: guessZone(this.machineZone, country), currency: countryOf(country)?.currency ?? "USD" };
  }

  /** Another country suggests another zone and currency; what somebody chose already stays. */
  countryChosen(): void {
    const next = this.#suggestion();
    const { values } = this.branch;
    if (values.time_zone === this.#suggested.zone) values.time_zone = next.zone;
    if (values.currency === this.#suggested.currency) values.currency = next.currency;
    this.#suggested = next;
  }

  get canGoBack(): boolean {
    return this.step === "branch" || this.step === "owner" || this.step === "review";
  }

  back(): void {
    if (this.canGoBack) this.step = steps[steps.indexOf(this.step) - 1] ?? "gym";
  }

  next(): void {
    // A branch is mostly called as its gym, at first.
    if (this.step === "gym" && this.branch.values.branch_name === "") {
      this.branch.values.branch_name = this.gym.values.gym_name;
    }
    this.step = steps[steps.indexOf(this.step) + 1] ?? "done";
  }

  async #create(): Promise<void> {
    const { owner_pin, ...owner } = this.owner.values;
    try {
      const me = await call("set_up", {
        ...this.gym.values,
        ...this.branch.values,
        ...owner,
        owner_pin: owner_pin === "" ? null : owner_pin,
      });
      useCsrfToken(me.csrf_token);
      this.me = me;
    } catch (error) {
      if (error instanceof CallError && error.field !== null) this.#showOnItsPage(error);
      throw error;
    }
  }

  /** Opens the page that holds the refused field, with the reason under it. */
  #showOnItsPage(error: CallError): void {
    const pages = { gym: this.gym, branch: this.branch, owner: this.owner } as const;
    for (const step of ["gym", "branch", "owner"] as const) {
      const form = pages[step];
      if (error.field !== null && error.field in form.values) {
        this.step = step;
        form.refuse(error);
      }
    }
  }
}
