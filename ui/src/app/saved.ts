import { listen } from "@tauri-apps/api/event";
import { inDesktopWindow } from "../ipc/client.js";
import { m } from "../paraglide/messages.js";
import { toasts } from "../shared/toasts.svelte.js";

/** The desktop window saves a file without a question, so it says where; a browser shows its own downloads. */
export function tellWhatIsSaved(): void {
  if (!inDesktopWindow) return;
  void listen<{ path: string | null }>("saved", ({ payload: { path } }) => {
    if (path === null) toasts.problem(m.file_not_saved());
    else toasts.done(m.saved_as({ path }));
  });
}
