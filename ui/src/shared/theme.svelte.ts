import { recall, remember } from "./storage.js";

export type ThemeChoice = "system" | "light" | "dark";

const KEY = "gatehouse.theme";

function initial(): ThemeChoice {
  const stored = recall(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** Light or dark. "system" follows the desktop, also when it changes in the evening. */
class Theme {
  #choice = $state<ThemeChoice>(initial());
  #desktop = matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    this.#desktop.addEventListener("change", () => this.apply());
  }

  get choice(): ThemeChoice {
    return this.#choice;
  }

  set choice(choice: ThemeChoice) {
    this.#choice = choice;
    remember(KEY, choice);
    this.apply();
  }

  apply(): void {
    const dark = this.#choice === "dark" || (this.#choice === "system" && this.#desktop.matches);
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
  }
}

export const theme = new Theme();
