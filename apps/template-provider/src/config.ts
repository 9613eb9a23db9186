import {
  adminSection,
  authorityKeys,
  hostPort,
  logSection,
  networkKey,
  nodeKeys,
  section,
} from "@lode/service";
import Type, { type Static } from "typebox";

/** Everything an operator can set on a template provider. */
export const templateProviderSchema = section({
  templateProvider: section({
    listenAddress: hostPort("Where pools connect (Template Distribution over Noise).", "127.0.0.1:8442"),
    ...authorityKeys,
    feeDeltaSat: Type.Integer({
      description: "A new template for the same tip is sent when it is worth this much more, satoshi.",
      default: 1_000,
      minimum: 0,
      maximum: 100_000_000,
    }),
    refreshSec: Type.Number({
      description:
        "Pause between looks at the mempool, seconds. Below 5 is useless: the node caches that long.",
      default: 15,
      minimum: 1,
      maximum: 600,
    }),
    tipPollMs: Type.Integer({
      description: "Pause between looks at the best block, the net below the long poll, milliseconds.",
      default: 1_000,
      minimum: 50,
      maximum: 60_000,
    }),
    waitForNodeSec: Type.Integer({
      description:
        "The start waits this long for a node that is not there yet, seconds. 0: for as long as it takes.",
      default: 0,
      minimum: 0,
      maximum: 86_400,
    }),
    maxClients: Type.Integer({
      description: "Pools served at once.",
      default: 64,
      minimum: 1,
      maximum: 1_000,
    }),
  }),
  node: section({ ...nodeKeys, network: networkKey("Network the node must be on.") }),
  admin: adminSection("127.0.0.1:9334"),
  log: logSection,
});

export type TemplateProviderConfig = Static<typeof templateProviderSchema>;
