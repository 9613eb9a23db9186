import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/** What a person reads when everything runs. */
export interface Welcome {
  /** Addresses that miners can use, this machine's own first; not 0.0.0.0. */
  readonly hosts: readonly string[];
  /** Port of the door for Stratum V1 miners. */
  readonly sv1Port: number;
  readonly port: number;
  /** Where health and metrics are served. */
  readonly admin: string;
  readonly authorityPublicKey: string;
  readonly exampleAddress: string;
  /** Where the pool's own part of blocks goes. */
  readonly poolAddress: string;
  readonly scheme: "solo" | "pplns";
  readonly chain: string;
  readonly database: string;
  readonly dataDir: string;
  readonly nativeBackend: string;
  readonly handshakeBackend: string;
}

/** The text behind the start: where the pool is, and three ways to connect a miner to it. */
export function welcomeText(info: Welcome): string {
  const { port, authorityPublicKey: key } = info;
  const [host = "127.0.0.1"] = info.hosts;
  const endpoints = info.hosts.map((each) => `stratum2+tcp://${bracketed(each)}:${port}/${key}`);
  const sv1 = `stratum+tcp://${bracketed(host)}:${info.sv1Port}`;
  const onlyHere = info.hosts.every((each) => LOOPBACK.test(each));
  return `
Lode is running.

  endpoint       ${endpoints.join("\n                 ")}
  Stratum V1     ${sv1}
  authority key  ${info.authorityPublicKey}
  chain          ${info.chain}
  database       ${info.database}
  data           ${info.dataDir}
  health         http://${info.admin}/readyz, metrics at /metrics
  native         ${info.nativeBackend}, handshakes by ${info.handshakeBackend}

Connect a miner, in one of three ways:

  1. Firmware that takes an SV2 URL (BraiinsOS and others):
       ${endpoints[0]}
  2. Firmware that asks for the parts (Bitaxe, NerdQAxe):
       host ${host}   port ${port}   authority public key ${key}
  3. Stratum V1 hardware (Antminer, Whatsminer, Avalon, NerdMiner and all others):
       ${sv1}   any password

  The user name is ADDRESS.WORKER: your address, a dot, any name. To try it without one, use
       ${info.exampleAddress}.rig1
${whoIsPaid(info)}${onlyHere ? `\n  Miners on other machines need --listen 0.0.0.0:${port}` : ""}

Ctrl-C stops. A next start continues from the same data.
`;
}

function whoIsPaid({ scheme, poolAddress }: Welcome): string {
  return scheme === "solo"
    ? `  Each block pays the address of the miner who found it, in the block itself; the coins can be spent 100 blocks later.
  Shares alone are paid nothing. (--scheme pplns: blocks pay the pool.)`
    : `  Blocks pay the pool, ${poolAddress}; the reward is credited to the shares before it.
  A user name sri/solo/ADDRESS/WORKER has its own blocks pay ADDRESS.`;
}

const LOOPBACK = /^(127\.|::1$|localhost$)/;

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/**
 * Where miners reach a listener: the host itself, or, for one that listens everywhere, this machine's addresses: those of the
 * local network first, loopback last.
 */
export function reachableHosts(host: string, interfaces = networkInterfaces()): string[] {
  if (host !== "0.0.0.0" && host !== "::") return [host];
  const all = Object.values(interfaces).flatMap((each) => each ?? []);
  const outside = all
    .filter(({ internal, family, address }) => {
      // Link-local addresses (RFC 4291 2.5.6, RFC 3927) need an interface's name, or work by chance.
      const isLinkLocal = /^(fe80|169\.254\.)/i.test(address);
      return !internal && !isLinkLocal && (family === "IPv4" || host === "::");
    })
    .map(({ address }) => address);
  return [...new Set(outside), "127.0.0.1"];
}
