/** A file made by the server. */
export interface Document {
  mime: string;
  file_name: string;
  base64: string;
}

export function dataUrl({ mime, base64 }: Pick<Document, "mime" | "base64">): string {
  return `data:${mime};base64,${base64}`;
}

/** Hands the file to the person: the browser's or the desktop's own way of saving. */
export function download(file: Document): void {
  const bytes = Uint8Array.from(atob(file.base64), (letter) => letter.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: file.mime }));
  const link = document.createElement("a");
  link.href = url;
  link.download = file.file_name;
  document.body.append(link);
  link.click();
  link.remove();
  // The download reads the blob after this turn; a minute is plenty.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
