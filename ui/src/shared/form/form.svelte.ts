import { CallError, explain } from "../../ipc/errors.js";

export type FieldErrors = Record<string, string | undefined>;

/**
 * One form: its values, what is wrong with them, and whether they are on their way.
 * `save` throws on refusal; an error that names a field is shown under that field, any other one above the form.
 */
export class Form<Values extends Record<string, unknown>> {
  values: Values = $state() as Values;
  errors: FieldErrors = $state({});
  problem: string | null = $state(null);
  busy = $state(false);
  #stored: string = $state("");
  #save: (values: Values) => Promise<Values | void>;
  #check: (values: Values) => FieldErrors;

  /** `save` may answer what is stored then, where that can be more than was sent. */
  constructor(
    initial: Values,
    save: (values: Values) => Promise<Values | void>,
    check: (values: Values) => FieldErrors = () => ({}),
  ) {
    this.values = initial;
    this.#stored = JSON.stringify(initial);
    this.#save = save;
    this.#check = check;
  }

  /** Something was typed that is not saved yet. */
  get changed(): boolean {
    return JSON.stringify(this.values) !== this.#stored;
  }

  /** What the form showed before anything was typed. */
  get shown(): Values {
    return JSON.parse(this.#stored) as Values;
  }

  /** Puts other values in, as saved ones. */
  reset(values: Values): void {
    this.values = values;
    this.#stored = JSON.stringify(values);
    this.errors = {};
    this.problem = null;
  }

  /** Shows a refusal: under the field that it names, else above the form. */
  refuse(error: unknown): void {
    if (error instanceof CallError && error.field !== null && (error.field in this.values || error.field in this.errors)) {
      this.errors = { [error.field]: explain(error) };
    } else {
      this.problem = explain(error);
    }
  }

  /** Saves once, however often it is asked while on its way. Answers whether it was saved. */
  async submit(): Promise<boolean> {
    if (this.busy) return false;
    const values = $state.snapshot(this.values) as Values;
    this.problem = null;
    this.errors = this.#check(values);
    if (Object.values(this.errors).some((error) => error !== undefined)) return false;
    this.busy = true;
    try {
      const sent = JSON.stringify(values);
      const stored = await this.#save(values);
      // What was typed meanwhile stays, on top of what was sent.
      if (stored !== undefined && JSON.stringify(this.values) === sent) this.reset(stored);
      else this.#stored = sent;
      return true;
    } catch (error) {
      this.refuse(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
