// @vitest-environment node
import { describe, expect, test, vi } from "vitest";
import { CallError } from "../../ipc/errors.js";
import { Form } from "./form.svelte.js";

describe("a form", () => {
  test("is saved once, however often the key is pressed", async () => {
    let finish = () => {};
    const save = vi.fn(() => new Promise<void>((done) => (finish = done)));
    const form = new Form({ name: "Mona" }, save);
    const first = form.submit();
    expect(await form.submit()).toBe(false);
    finish();
    expect(await first).toBe(true);
    expect(save).toHaveBeenCalledTimes(1);
  });

  test("shows a refusal under the field that it names", async () => {
    const form = new Form({ phone: "12" }, () =>
      Promise.reject(new CallError({ code: "no_such_text", message: "Too short", field: "phone" })),
    );
    expect(await form.submit()).toBe(false);
    expect(form.errors["phone"]).toBe("Too short");
    expect(form.problem).toBeNull();
  });

  test("shows any other refusal above the fields", async () => {
    const form = new Form({ phone: "12" }, () =>
      Promise.reject(new CallError({ code: "no_such_text", message: "Closed", field: "branch" })),
    );
    await form.submit();
    expect(form.problem).toBe("Closed");
  });

  test("does not ask the server about what it can see itself", async () => {
    const save = vi.fn(() => Promise.resolve());
    const form = new Form({ name: "" }, save, ({ name }) => ({ name: name === "" ? "Missing" : undefined }));
    expect(await form.submit()).toBe(false);
    expect(form.errors["name"]).toBe("Missing");
    expect(save).not.toHaveBeenCalled();
  });

  test("knows what is not saved yet", async () => {
    const form = new Form({ name: "Mona" }, () => Promise.resolve());
    form.values.name = "Mona Adel";
    expect(form.changed).toBe(true);
    await form.submit();
    expect(form.changed).toBe(false);
  });

  test("goes on with what is stored, which may be more than was sent", async () => {
    const form = new Form({ name: "Mona", goal: "" }, (values) => Promise.resolve({ ...values, goal: "Swim" }));
    form.values.name = "Mona Adel";
    await form.submit();
    expect(form.values).toEqual({ name: "Mona Adel", goal: "Swim" });
    expect(form.shown).toEqual({ name: "Mona Adel", goal: "Swim" });
    expect(form.changed).toBe(false);
  });

  test("keeps what is typed while it is being saved", async () => {
    let finish = () => {};
    const form = new Form(
      { name: "Mona", goal: "" },
      (values) => new Promise<typeof values>((done) => (finish = () => done({ ...values, goal: "Swim" }))),
    );
    form.values.name = "Mona Adel";
    const saving = form.submit();
    form.values.name = "Mona Adel Hassan";
    finish();
    await saving;
    expect(form.values.name).toBe("Mona Adel Hassan");
    expect(form.shown).toEqual({ name: "Mona Adel", goal: "" });
    expect(form.changed).toBe(true);
  });
});
