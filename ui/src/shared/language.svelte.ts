import { locales, overwriteGetLocale, type Locale } from "../paraglide/runtime.js";
import { recall, remember } from "./storage.js";

const KEY = "gatehouse.language";

function isLocale(tag: string | null | undefined): tag is Locale {
  return locales.some((known) => known === tag);
}

function initial(): Locale {
  const stored = recall(KEY);
  if (isLocale(stored)) return stored;
  const wished = navigator.languages.map((tag) => tag.split("-")[0]).find(isLocale);
  return wished ?? "en";
}

/** The language of the interface. Every message and format reads it, so a switch shows at once, without a reload. */
class Language {
  #current = $state<Locale>(initial());

  get current(): Locale {
    return this.#current;
  }

  set current(locale: Locale) {
    this.#current = locale;
    remember(KEY, locale);
    this.apply();
  }

  get direction(): "ltr" | "rtl" {
    return this.#current === "ar" ? "rtl" : "ltr";
  }

  /** The tag for `Intl`: figures stay 0-9 in Arabic too, as they are on cards, phones and receipts. */
  get tag(): string {
    return this.#current === "ar" ? "ar-EG-u-nu-latn" : "en-GB";
  }

  /** Writes language and direction on the document, for fonts, screen readers and the layout. */
  apply(): void {
    document.documentElement.lang = this.#current;
    document.documentElement.dir = this.direction;
  }
}

export const language = new Language();
overwriteGetLocale(() => language.current);
