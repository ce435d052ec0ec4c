/** Minutes without a key, a click or a touch after which the desk locks itself. Scans do not count as work. */
export const IDLE_MINUTES = 10;

const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel"] as const;

/** Calls `onidle` after that time without a sign of a person. Answers a function that stops watching. */
export function watchIdle(onidle: () => void, minutes = IDLE_MINUTES): () => void {
  let timer = setTimeout(onidle, minutes * 60_000);
  let last = 0;
  function sign(event: Event) {
    // A mouse sends hundreds of moves a second; one a second is enough to know.
    if (event.timeStamp - last < 1000) return;
    last = event.timeStamp;
    clearTimeout(timer);
    timer = setTimeout(onidle, minutes * 60_000);
  }
  for (const name of SIGNS) window.addEventListener(name, sign, { capture: true, passive: true });
  return () => {
    clearTimeout(timer);
    for (const name of SIGNS) window.removeEventListener(name, sign, { capture: true });
  };
}
