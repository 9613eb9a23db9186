import { describe, expect, it } from "vitest";
import { reachableHosts, type Welcome, welcomeText } from "./welcome.ts";

const address = (text: string, family: "IPv4" | "IPv6", internal = false) =>
  ({ address: text, family, internal, netmask: "", mac: "", cidr: null, scopeid: 0 }) as const;
const interfaces = {
  lo: [address("127.0.0.1", "IPv4", true), address("::1", "IPv6", true)],
  eth0: [address("192.0.2.10", "IPv4"), address("2001:db8::10", "IPv6"), address("fe80::1", "IPv6")],
};

const welcome: Welcome = {
  hosts: ["192.0.2.10", "127.0.0.1"],
  port: 3333,
  sv1Port: 3334,
  admin: "127.0.0.1:9333",
  authorityPublicKey: "KEY",
  exampleAddress: "bcrt1qexample",
  poolAddress: "bcrt1qpool",
  scheme: "solo",
  chain: "regtest",
  database: "embedded",
  dataDir: ".lode",
  nativeBackend: "C++ addon",
  handshakeBackend: "libsecp256k1",
};

describe("the text of lode dev", () => {
  it("names addresses that a miner can use, where the pool listens on all of them", () => {
    expect(reachableHosts("0.0.0.0", interfaces)).toEqual(["192.0.2.10", "127.0.0.1"]);
    expect(reachableHosts("::", interfaces)).toEqual(["192.0.2.10", "2001:db8::10", "127.0.0.1"]);
    expect(reachableHosts("127.0.0.1", interfaces)).toEqual(["127.0.0.1"]);
  });

  it("shows each endpoint ready to copy, and the fields that some firmware asks for", () => {
    const text = welcomeText(welcome);
    expect(text).toContain("stratum2+tcp://192.0.2.10:3333/KEY\n");
    expect(text).toContain("stratum2+tcp://127.0.0.1:3333/KEY\n");
    expect(text).toContain("host 192.0.2.10   port 3333   authority public key KEY");
    expect(text).toContain("stratum+tcp://192.0.2.10:3334   any password");
    expect(text).toContain("http://127.0.0.1:9333/readyz");
    expect(text).not.toMatch(/--listen/);
    expect(welcomeText({ ...welcome, hosts: ["2001:db8::10"] })).toContain(
      "stratum2+tcp://[2001:db8::10]:3333/KEY",
    );
  });

  it("says how miners on other machines get in, where the pool listens on loopback", () => {
    expect(welcomeText({ ...welcome, hosts: ["127.0.0.1"] })).toContain("--listen 0.0.0.0:3333");
  });
});
