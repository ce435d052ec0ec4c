import { describe, expect, test } from "vitest";
import type { Member } from "../../ipc/wire.js";
import { emptyFields, fieldsOf, formOf } from "./member-form.js";

describe("a member's form", () => {
  test("sends nothing for what was left empty", () => {
    const form = formOf({ ...emptyFields("ar"), full_name: "  Mona Adel ", email: "  " });
    expect(form).toMatchObject({ full_name: "Mona Adel", email: null, phone: null, sex: null, tags: [], language: "ar" });
  });

  test("reads phone numbers written with Arabic digits", () => {
    expect(formOf({ ...emptyFields("ar"), phone: "٠١٠ ١٢٣٤" }).phone).toBe("010 1234");
  });

  test("takes tags apart at commas of any script, each once", () => {
    expect(formOf({ ...emptyFields("en"), tags: "vip, early ، vip;pool" }).tags).toEqual(["vip", "early", "pool"]);
  });

  test("drops own fields without a name and keeps the others", () => {
    const custom_fields = [
      { name: " Locker ", value: " 12 " },
      { name: "", value: "lost" },
    ];
    expect(formOf({ ...emptyFields("en"), custom_fields }).custom_fields).toEqual({ Locker: "12" });
  });

  test("comes back unchanged when nothing was edited", () => {
    const form = {
      full_name: "Mona Adel", native_name: "منى عادل", phone: "+201001234567", email: null, birth_date: "1990-02-28",
      sex: "female" as const, emergency_name: null, emergency_phone: null, goal: null, fitness_level: "advanced" as const,
      health_conditions: null, notes: null, tags: ["vip"], custom_fields: { Locker: "12" },
      consent: { email: true, sms: false, whatsapp: false }, language: "ar",
    };
    expect(formOf(fieldsOf(form as unknown as Member))).toEqual(form);
  });
});
