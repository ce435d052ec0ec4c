import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

/** A running `gatehousectl serve` on a house of its own. */
export class Gym {
  private constructor(
    readonly url: string,
    readonly process: ChildProcess,
    readonly folder: string,
  ) {}

  static async open(): Promise<Gym> {
    const program = process.env["GATEHOUSECTL"];
    if (!program) throw new Error("GATEHOUSECTL names the program to serve with; tests/ui/run sets it");
    const folder = await mkdtemp(path.join(tmpdir(), "gatehouse-ui-"));
    // The database of a root process runs as another account, which has to pass through.
    await chmod(folder, 0o755);
    const { GATEHOUSE_DATABASE_URL: _, GATEHOUSE_MIGRATE_URL: __, ...env } = process.env;
    const server = spawn(program, ["serve", "--data-dir", path.join(folder, "house"), "--port", "0"], {
      env,
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
    return new Gym(url, server, folder);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
