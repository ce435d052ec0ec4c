import type { Member, MemberForm } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import type { FieldErrors } from "../../shared/form/form.svelte.js";
import { latinDigits } from "../../shared/text/digits.js";

/** The same as `MemberForm`, as fields hold it: text is never null, tags are one line, own fields are rows. */
export interface MemberFields extends Record<string, unknown> {
  full_name: string;
  native_name: string;
  phone: string;
  email: string;
  birth_date: string;
  sex: "" | "female" | "male";
  emergency_name: string;
  emergency_phone: string;
  goal: string;
  fitness_level: "" | "beginner" | "intermediate" | "advanced";
  health_conditions: string;
  notes: string;
  tags: string;
  custom_fields: { name: string; value: string }[];
  consent_email: boolean;
  consent_sms: boolean;
  consent_whatsapp: boolean;
  language: string;
}

export const channels = ["email", "sms", "whatsapp"] as const;

export function emptyFields(language: string): MemberFields {
  return {
    full_name: "", native_name: "", phone: "", email: "", birth_date: "", sex: "", emergency_name: "",
    emergency_phone: "", goal: "", fitness_level: "", health_conditions: "", notes: "", tags: "", custom_fields: [],
    consent_email: false, consent_sms: false, consent_whatsapp: false, language,
  };
}

/** What the fields show of a stored member. */
export function fieldsOf(member: Member): MemberFields {
  return {
    full_name: member.full_name,
    native_name: member.native_name ?? "",
    phone: member.phone ?? "",
    email: member.email ?? "",
    birth_date: member.birth_date ?? "",
    sex: member.sex ?? "",
    emergency_name: member.emergency_name ?? "",
    emergency_phone: member.emergency_phone ?? "",
    goal: member.goal ?? "",
    fitness_level: member.fitness_level ?? "",
    health_conditions: member.health_conditions ?? "",
    notes: member.notes ?? "",
    tags: member.tags.join(", "),
    custom_fields: Object.entries(member.custom_fields).map(([name, value]) => ({ name, value: value ?? "" })),
    consent_email: member.consent["email"] ?? false,
    consent_sms: member.consent["sms"] ?? false,
    consent_whatsapp: member.consent["whatsapp"] ?? false,
    language: member.language,
  };
}

const orNull = (text: string) => (text.trim() === "" ? null : text.trim());

/** What is sent: an empty field is nothing, never an empty text. */
export function formOf(fields: MemberFields): MemberForm {
  return {
    full_name: fields.full_name.trim(),
    native_name: orNull(fields.native_name),
    phone: orNull(latinDigits(fields.phone)),
    email: orNull(fields.email),
    birth_date: orNull(fields.birth_date),
    sex: fields.sex === "" ? null : fields.sex,
    emergency_name: orNull(fields.emergency_name),
    emergency_phone: orNull(latinDigits(fields.emergency_phone)),
    goal: orNull(fields.goal),
    fitness_level: fields.fitness_level === "" ? null : fields.fitness_level,
    health_conditions: orNull(fields.health_conditions),
    notes: orNull(fields.notes),
    tags: [...new Set(fields.tags.split(/[,،;\n]/).map((tag) => tag.trim()).filter(Boolean))],
    custom_fields: Object.fromEntries(
      fields.custom_fields.filter(({ name }) => name.trim() !== "").map(({ name, value }) => [name.trim(), value.trim()]),
    ),
    consent: { email: fields.consent_email, sms: fields.consent_sms, whatsapp: fields.consent_whatsapp },
    language: fields.language,
  };
}

/** What can be seen without asking; the server checks the rest. */
export function checkFields(fields: MemberFields): FieldErrors {
  return { full_name: fields.full_name.trim() === "" ? m.error_required() : undefined };
}
