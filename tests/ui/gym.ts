import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

/** The program under test. */
export function program(): string {
  const named = process.env["GATEHOUSECTL"];
  if (!named) throw new Error("GATEHOUSECTL names the program to serve with; tests/ui/run sets it");
  return named;
}

/** Starts `gatehousectl serve` on a house in the folder; what it is to know beside goes into its environment. */
export async function serve(folder: string, more: Record<string, string> = {}, args: string[] = [], port = "0") {
  const { GATEHOUSE_DATABASE_URL: _, GATEHOUSE_MIGRATE_URL: __, ...env } = process.env;
  const server = spawn(program(), ["serve", "--data-dir", path.join(folder, "house"), "--port", port, ...args], {
    env: { ...env, ...more },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`gatehousectl serve ended with ${code}`)));
    createInterface({ input: server.stdout }).on("line", (line) => {
      const address = /http:\/\/[\d.]+:\d+/.exec(line)?.[0];
      if (address) resolve(address);
    });
  });
  return { url, server };
}

/** A running `gatehousectl serve` on a house of its own. */
export class Gym {
  private constructor(
    public url: string,
    public process: ChildProcess,
    readonly folder: string,
  ) {}

  static async open(): Promise<Gym> {
    const folder = await mkdtemp(path.join(tmpdir(), "gatehouse-ui-"));
    // The database of a root process runs as another account, which has to pass through.
    await chmod(folder, 0o755);
    const { url, server } = await serve(folder);
    return new Gym(url, server, folder);
  }

  /** As `kill -9` does it. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await ended;
  }

  /** The same house at the same address, after it was killed. */
  async again(): Promise<Gym> {
    const { url, server } = await serve(this.folder, {}, [], new URL(this.url).port);
    return new Gym(url, server, this.folder);
  }

  /** Another program at the same house, under another address. */
  async restart(env: Record<string, string>): Promise<void> {
    await this.stop();
    ({ url: this.url, server: this.process } = await serve(this.folder, env));
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
