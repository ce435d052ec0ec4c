/** Rows drawn above and below what is visible, so that fast scrolling shows no gap. */
const SPARE = 8;

/** Which rows of equal height a scrolled box shows: from `first` up to, not including, `end`. */
export function rowsInView(
  scrolled: number,
  height: number,
  rowHeight: number,
  count: number,
): { first: number; end: number } {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - SPARE);
  const end = Math.min(count, Math.ceil((scrolled + height) / rowHeight) + SPARE);
  return { first: Math.min(first, end), end };
}

/** Where to scroll so that a row is wholly visible; the same place when it is already. */
export function scrollTo(row: number, scrolled: number, height: number, rowHeight: number): number {
  const top = row * rowHeight;
  if (top < scrolled) return top;
  return top + rowHeight > scrolled + height ? top + rowHeight - height : scrolled;
}
