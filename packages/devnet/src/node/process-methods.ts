import type { MethodTable } from "./node-state.ts";

/** What the node says of itself. */
export const processMethods: MethodTable = {
  getnetworkinfo: {
    parameters: [],
    run: ({ connections }) => ({
      version: 310_000,
      subversion: "/Lode-devnet:0.1.0/",
      protocolversion: 70_016,
      localrelay: true,
      timeoffset: 0,
      connections,
      connections_in: 0,
      connections_out: connections,
      networkactive: true,
      warnings: [],
    }),
  },
  getconnectioncount: { parameters: [], run: ({ connections }) => connections },
  uptime: {
    parameters: [],
    run: ({ clock, startedAt }) => Math.floor((clock.monotonic() - startedAt) / 1000),
  },
};
