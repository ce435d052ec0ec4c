import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A network camera: sends its picture (a JPEG) ten times a second to whoever looks. */
export class Stream {
  private constructor(
    readonly url: string,
    private readonly server: Server,
    public picture: Buffer,
  ) {}

  static async open(picture: Buffer): Promise<Stream> {
    const server = createServer((_, answer) => {
      answer.writeHead(200, { "content-type": "multipart/x-mixed-replace; boundary=frame" });
      const beat = setInterval(() => {
        const { picture } = stream;
        answer.write(`--frame\r\ncontent-type: image/jpeg\r\ncontent-length: ${picture.length}\r\n\r\n`);
        answer.write(picture);
        answer.write("\r\n");
      }, 100);
      answer.on("close", () => clearInterval(beat));
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const stream = new Stream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, picture);
    return stream;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
