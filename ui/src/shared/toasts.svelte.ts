export interface Toast {
  id: number;
  kind: "done" | "problem" | "info";
  text: string;
}

const SHOWN_MS = { done: 4000, info: 5000, problem: 8000 };

/** Short notes about what just happened; they leave by themselves and never take the focus. */
class Toasts {
  list: Toast[] = $state([]);
  #next = 0;

  done(text: string): void {
    this.#add("done", text);
  }

  info(text: string): void {
    this.#add("info", text);
  }

  problem(text: string): void {
    this.#add("problem", text);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(kind: Toast["kind"], text: string): void {
    const id = this.#next++;
    this.list = [...this.list.filter((toast) => toast.text !== text).slice(-2), { id, kind, text }];
    setTimeout(() => this.dismiss(id), SHOWN_MS[kind]);
  }
}

export const toasts = new Toasts();
