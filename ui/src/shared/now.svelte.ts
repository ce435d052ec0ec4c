import { onMount } from "svelte";

/** The present, every `seconds`, for clocks and "how long ago"; call it while a component is set up. */
export function ticking(seconds: number): { readonly now: Date } {
  let now = $state(new Date());
  onMount(() => {
    const timer = setInterval(() => (now = new Date()), seconds * 1000);
    return () => clearInterval(timer);
  });
  return {
    get now() {
      return now;
    },
  };
}
