import { parseIdentity } from "@lode/mining";
import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { MiningServer, minerMaxLength, miningServerDefaults } from "@lode/roles";
import { ScriptedJobs } from "@lode/testing/pool";
import {
  createInlineHandshaker,
  type Endpoint,
  generateKeypair,
  listen,
  ServerIdentity,
} from "@lode/transport";

/** P2WPKH of regtest, from BIP173's key. */
export const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/** The easiest target there is, and so many shares a minute that no burst makes it harder. */
export const everyHashIsAShare = {
  ...miningServerDefaults.channel,
  easiestTarget: (1n << 256n) - 1n,
  sharesPerMinute: 1e9,
};

/** A mining server behind a real listener where every hash is a share, answered at once. */
export interface LoopbackPool {
  readonly endpoint: Endpoint;
  readonly server: MiningServer;
  readonly jobs: ScriptedJobs;
  /** Workers that handed in shares, with how many. */
  readonly sharesOf: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Opens one on a free port. */
export async function openLoopbackPool(): Promise<LoopbackPool> {
  const jobs = new ScriptedJobs(systemClock);
  const sharesOf = new Map<string, number>();
  const server: MiningServer = new MiningServer(
    {
      clock: systemClock,
      logger: silentLogger,
      metrics: noMetrics,
      jobFactory: jobs.factory,
      extranonces: jobs.extranonces,
      identify: (userIdentity) => parseIdentity(userIdentity, "regtest"),
      sink: {
        record(share) {
          const { worker } = share.identity;
          sharesOf.set(worker, (sharesOf.get(worker) ?? 0) + 1);
          systemClock.soon(() => server.acknowledge([share]));
        },
      },
      onBlock() {},
      admission: () => null,
    },
    { channel: everyHashIsAShare },
  );
  jobs.start(server);
  jobs.next();
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const handshaker = createInlineHandshaker(identity, { random: systemRandom });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    handshaker,
    native,
    clock: systemClock,
    logger: silentLogger,
    maxLength: minerMaxLength,
    onConnection: (connection) => server.accept(connection),
  });
  return {
    endpoint: { host: "127.0.0.1", port: listener.port, authorityKey: identity.authorityKey },
    server,
    jobs,
    sharesOf,
    async close() {
      await listener.close();
      await server.drain({ windowMs: 0 });
      await handshaker.close();
    },
  };
}
