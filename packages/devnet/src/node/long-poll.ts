import type { NodeState } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

/** What a client passes back to be told of news: the tip, then the mempool's state. */
export function longPollId({ chain, mempool }: NodeState): string {
  return `${chain.tip.hash}${mempool.updates}`;
}

/**
 * Waits until the template named by `id` is out of date: at once on a new tip, for a changed mempool only at the times
 * Bitcoin Core looks at it (after a minute, then every ten seconds).
 *
 * @throws RpcFailure −8 for an id that is none, −9 when the node stops
 */
export async function waitForNews(node: NodeState, id: string, signal: AbortSignal): Promise<void> {
  const tip = id.slice(0, 64);
  if (!/^[0-9a-f]{64}\d*$/i.test(id)) {
    throw new RpcFailure(RpcCode.invalidParameter, `longpollid must start with a block hash (not '${tip}')`);
  }
  const updates = Number(id.slice(64));
  const { chain, mempool, clock, longPoll } = node;
  if (chain.tip.hash !== tip) return;
  await new Promise<void>((resolve) => {
    const lookLater = (ms: number) =>
      clock.after(ms, () => {
        if (mempool.updates === updates) timer = lookLater(longPoll.thenMs);
        else finish();
      });
    let timer = lookLater(longPoll.firstMs);
    const stopListening = chain.onTipChange(() => finish());
    const finish = () => {
      timer.cancel();
      stopListening();
      signal.removeEventListener("abort", finish);
      node.stopping.removeEventListener("abort", finish);
      resolve();
    };
    signal.addEventListener("abort", finish);
    node.stopping.addEventListener("abort", finish);
  });
  if (node.stopping.aborted) throw new RpcFailure(RpcCode.clientNotConnected, "Shutting down");
}
