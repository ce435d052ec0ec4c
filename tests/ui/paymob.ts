import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Attempt {
  id: number;
  order: number;
  amount: number;
  success: boolean;
  refunded: number;
}

/** A stand-in that speaks Paymob's protocol: an intention, the inquiry and the refund. Nobody's money moves. */
export class Paymob {
  static readonly keys = { secret_key: "egy_sk_test_stand_in", api_key: "api-key-of-the-stand-in", hmac_secret: "0123456789ABCDEF" };
  /** As when they were withdrawn in Paymob's dashboard. */
  keys_expired = false;
  readonly orders: { id: number; amount: number; currency: string }[] = [];
  readonly #attempts: Attempt[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(): Promise<Paymob> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const paymob = new Paymob(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on("request", (request, response) => void paymob.#answer(request, response));
    return paymob;
  }

  close(): void {
    this.server.close();
  }

  /** The payer pays what was asked for last. */
  pay(success = true): void {
    const order = this.orders.at(-1);
    if (!order) throw new Error("nothing was asked for");
    this.#attempts.push({ id: 192_036_465 + this.#attempts.length, order: order.id, amount: order.amount, success, refunded: 0 });
  }

  #render({ id, order, amount, success, refunded }: Attempt) {
    return {
      id, pending: false, amount_cents: amount, success, is_auth: false, is_capture: false, is_standalone_payment: true,
      is_voided: false, is_refunded: refunded === amount, is_3d_secure: true, integration_id: 4_097_558,
      has_parent_transaction: false, order: { id: order, merchant_order_id: "" }, created_at: "2026-03-11T12:00:00.000000",
      currency: this.orders.find((one) => one.id === order)?.currency, error_occured: false, owner: 302_852,
      source_data: { pan: "2346", type: "card", sub_type: "MasterCard" }, refunded_amount_cents: refunded,
      is_refund: false, parent_transaction: null, data: { message: success ? "Approved" : "Do not honour" },
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request) text += String(piece);
    const asked = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
    const [status, body] = this.#does(request.url ?? "", asked);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  #does(path: string, asked: Record<string, unknown>): [number, unknown] {
    if (this.keys_expired) return [401, { detail: "Incorrect credentials" }];
    const refused: [number, unknown] = [404, { detail: "Not found." }];
    switch (path) {
      case "/v1/intention/": {
        const id = 217_503_754 + this.orders.length;
        this.orders.push({ id, amount: Number(asked["amount"]), currency: String(asked["currency"]) });
        return [201, { id: `pi_test_${id}`, intention_order_id: id, client_secret: `egy_csk_test_${id}`, status: "intended" }];
      }
      case "/api/auth/tokens":
        return [201, { token: "token", profile: {} }];
      case "/api/ecommerce/orders/transaction_inquiry": {
        const last = this.#attempts.findLast((one) => one.order === Number(asked["order_id"]));
        return last ? [200, this.#render(last)] : refused;
      }
      case "/api/acceptance/void_refund/refund": {
        const paid = this.#attempts.find((one) => one.id === Number(asked["transaction_id"]));
        if (!paid) return refused;
        paid.refunded += Number(asked["amount_cents"]);
        const back = { ...this.#render(paid), id: paid.id + 1000, is_refund: true, has_parent_transaction: true, parent_transaction: paid.id };
        return [200, { ...back, amount_cents: asked["amount_cents"], refunded_amount_cents: 0 }];
      }
      default:
        return refused;
    }
  }
}
