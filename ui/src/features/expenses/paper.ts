import { base64 } from "../checkin/picture.js";
import { m } from "../../paraglide/messages.js";

/** What the server takes. */
const LARGEST = 16 * 1024 * 1024;
const TYPES = ["image/jpeg", "image/png", "image/webp", "application/pdf"];
export const ACCEPT = TYPES.join();

/** A bill's file as it was chosen. */
export interface Paper {
  name: string;
  mime: string;
  base64: string;
}

/** Reads a chosen file. Throws the sentence that says what is wrong with it. */
export async function readPaper(file: File): Promise<Paper> {
  if (file.size > LARGEST) throw new Error(m.error_file_too_large());
  if (!TYPES.includes(file.type)) throw new Error(m.error_file_type());
  try {
    return { name: file.name, mime: file.type, base64: await base64(file) };
  } catch {
    throw new Error(m.error_file_unreadable());
  }
}
