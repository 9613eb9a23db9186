import type { Socket } from "node:net";
import { nap, openSocket } from "../wire/open-socket.ts";
import type { Tally } from "./tally.ts";

/** How long a probe watches whether it is turned away. */
const HOLD_MS = 150;
const SV1_LINE = '{"id":1,"method":"mining.subscribe","params":["cgminer/4.11.1"]}\n';

/**
 * What a load balancer or a curious monitor does: connects and leaves, and every other time says a line of SV1 first. A
 * probe counts as turned away when the pool closes a silent connection at once: that is what a banned address gets.
 */
export class Probes {
  readonly #port: number;
  readonly #localAddress: string;
  readonly #tally: () => Tally;
  #streak = 0;

  constructor(port: number, localAddress: string, tally: () => Tally) {
    this.#port = port;
    this.#localAddress = localAddress;
    this.#tally = tally;
  }

  async probe(): Promise<void> {
    await this.#speakSv1();
    const tally = this.#tally();
    const stays = await this.#connectAndLeave();
    tally.probes++;
    this.#streak = stays ? 0 : this.#streak + 1;
    if (!stays) tally.turnedAway++;
    tally.longestStreak = Math.max(tally.longestStreak, this.#streak);
  }

  async #connectAndLeave(): Promise<boolean> {
    const socket = await openSocket(this.#port, this.#localAddress);
    if (typeof socket === "string") return false;
    const isCut = await Promise.race([cut(socket), nap(HOLD_MS).then(() => false)]);
    socket.destroy();
    return !isCut;
  }

  async #speakSv1(): Promise<void> {
    const socket = await openSocket(this.#port, this.#localAddress);
    if (typeof socket === "string") return;
    socket.write(SV1_LINE);
    await Promise.race([cut(socket), nap(HOLD_MS)]);
    socket.destroy();
  }
}

function cut(socket: Socket): Promise<true> {
  return new Promise((resolve) => {
    const gone = () => resolve(true);
    socket.once("end", gone).once("close", gone).once("error", gone).resume();
  });
}
