import { invoke } from "@tauri-apps/api/core";
import { inDesktopWindow } from "../ipc/client.js";

/** Millimetres of an ISO/IEC 7810 ID-1 card ("CR80"). */
export const CR80 = { width: 85.6, height: 53.98 };

/** What a printed page looks like: nothing on it but what is printed, in the light look whatever the screen's is. */
function pageStyle(page: string, content: string): string {
  return `
    @page { ${page} }
    .print-page { display: none; }
    @media print {
      html, body, .print-page { block-size: auto; background: none; }
      html { color-scheme: light !important; }
      body > :not(.print-page) { display: none !important; }
      .print-page { display: block; color: var(--text); }
      ${content}
    }`;
}

/** A picture at exactly its size. */
export function pictureStyle(size: { width: number; height: number }): string {
  return pageStyle(
    `size: ${size.width}mm ${size.height}mm; margin: 0;`,
    `.print-page img { display: block; inline-size: ${size.width}mm; block-size: ${size.height}mm; max-inline-size: none; }`,
  );
}

let forgetLast: (() => void) | undefined;

/** Puts content on a page of its own, unseen on the screen, and opens the system's print dialog. */
async function printPage(content: Node, css: string, ready: () => Promise<void>): Promise<void> {
  forgetLast?.();
  const page = document.createElement("div");
  page.className = "print-page";
  page.setAttribute("aria-hidden", "true");
  page.inert = true;
  page.append(content);
  // A constructed sheet: the content security policy allows no inline style.
  const style = new CSSStyleSheet();
  style.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
  document.body.append(page);
  // A browser's dialog holds the page still. The desktop window's does not, and it reads the page after the person
  // has chosen a printer: so the page stays, unseen, until the next one.
  forgetLast = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== style);
    page.remove();
  };
  await ready();
  // WebKit puts `window.print()` off while the page loads, and a page that waits for the desk's events always does.
  if (inDesktopWindow) await invoke("plugin:webview|print");
  else window.print();
}

/** Prints one picture at a size in millimetres. */
export async function printPicture(src: string, size: { width: number; height: number }): Promise<void> {
  const picture = new Image();
  picture.src = src;
  await printPage(picture, pictureStyle(size), () => picture.decode());
}

/** Prints a part of the screen as sheets of A4 upright, without what is marked `no-print`. */
export async function printSheet(element: HTMLElement): Promise<void> {
  const style = pageStyle(
    "size: A4; margin: 15mm;",
    `.print-page { font-size: 10pt; }
      .print-page * { overflow: visible !important; max-block-size: none !important; }
      .print-page .no-print { display: none !important; }
      .print-page tr, .print-page article { break-inside: avoid; }
      .print-page thead { display: table-header-group; }
      .print-page td, .print-page th { padding: 1mm 1.5mm; }`,
  );
  await printPage(element.cloneNode(true), style, async () => {});
}

/** Prints a part of the screen on as many sheets of the printer's paper as it takes, below a title if it has none of its
 *  own. Buttons of rows and what is marked `no-print` stay out. */
export async function printElement(element: HTMLElement, title?: string): Promise<void> {
  const style = pageStyle(
    title === undefined ? "margin: 15mm;" : "size: A4 landscape; margin: 12mm;",
    `.print-page * { overflow: visible !important; max-block-size: none !important; }
      .print-page .no-print, .print-page td button { display: none !important; }`,
  );
  const copy = document.createElement("div");
  if (title !== undefined) {
    const heading = document.createElement("h1");
    heading.textContent = title;
    copy.append(heading);
  }
  copy.append(element.cloneNode(true));
  await printPage(copy, style, async () => {});
}
