import { invoke } from "@tauri-apps/api/core";
import { inDesktopWindow } from "../ipc/client.js";

/** Millimetres of an ISO/IEC 7810 ID-1 card ("CR80"). */
export const CR80 = { width: 85.6, height: 53.98 };

/** What a printed page looks like: nothing on it but the picture, at exactly its size. */
export function pageStyle(size: { width: number; height: number }): string {
  return `
    @page { size: ${size.width}mm ${size.height}mm; margin: 0; }
    .print-page { display: none; }
    @media print {
      html, body { block-size: auto; background: none; }
      body > :not(.print-page) { display: none !important; }
      .print-page { display: block; }
      .print-page img { display: block; inline-size: ${size.width}mm; block-size: ${size.height}mm; max-inline-size: none; }
    }`;
}

let forgetLast: (() => void) | undefined;

/** Prints one picture at a size in millimetres, through the system's own print dialog. */
export async function printPicture(src: string, size: { width: number; height: number }): Promise<void> {
  forgetLast?.();
  const page = document.createElement("div");
  page.className = "print-page";
  page.setAttribute("aria-hidden", "true");
  const picture = new Image();
  picture.src = src;
  page.append(picture);
  // A constructed sheet: the content security policy allows no inline style.
  const style = new CSSStyleSheet();
  style.replaceSync(pageStyle(size));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
  document.body.append(page);
  // A browser's dialog holds the page still. The desktop window's does not, and it reads the page after the person
  // has chosen a printer: so the page stays, unseen, until the next one.
  forgetLast = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== style);
    page.remove();
  };
  await picture.decode();
  // WebKit puts `window.print()` off while the page loads, and a page that waits for the desk's events always does.
  if (inDesktopWindow) await invoke("plugin:webview|print");
  else window.print();
}
