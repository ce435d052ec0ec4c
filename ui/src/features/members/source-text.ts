import type { Source } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

const texts: Record<Source, () => string> = {
  webcam: m.source_webcam,
  wedge: m.source_scanner,
  serial: m.source_scanner,
  typed: m.source_typed,
  search: m.source_search,
  picture: m.source_picture,
  cli: m.source_cli,
};

/** How a member came in, in a word. */
export function sourceText(source: Source): string {
  return texts[source]();
}
