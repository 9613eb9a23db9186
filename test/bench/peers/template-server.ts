import { targetToBytes } from "@lode/bitcoin";
import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import type { templateDistribution } from "@lode/protocol";
import { type TemplateProviderPort, TemplateServerSession, templateClientMaxLength } from "@lode/roles";
import { systemMs } from "@lode/simulator";
import {
  createInlineHandshaker,
  encodeAuthorityPublicKey,
  generateKeypair,
  listen,
  ServerIdentity,
} from "@lode/transport";
import { type ScriptedWork, TemplateScript } from "../scripted-templates.ts";

/** A Template Distribution server that says what the benchmark tells it to, to one pool. */
export interface ScriptedTemplateServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Authority key, base58check. */
  readonly publicKey: string;
  /** Stamp of the next template. */
  readonly nextStamp: number;
  /** Sends a new tip, or another template on the same one; returns when, on the system's clock, ms. */
  send(kind: "tip" | "refresh"): number;
  close(): Promise<void>;
}

/** Starts one on a free port of loopback, with a tip and a template to begin with. */
export async function startTemplateServer(): Promise<ScriptedTemplateServer> {
  const script = new TemplateScript(native);
  let latest = script.nextTip();
  let session: TemplateServerSession | undefined;
  const provider: TemplateProviderPort = {
    onConstraints(from) {
      session = from;
      sendTip(from, latest);
    },
    transactions: () => [],
    onSolution() {},
    onClose(from) {
      if (session === from) session = undefined;
    },
  };
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const ports = { clock: systemClock, logger: silentLogger };
  const handshaker = createInlineHandshaker(identity, { random: systemRandom });
  const listener = await listen({
    ...ports,
    ...{ host: "127.0.0.1", port: 0, handshaker, native, maxLength: templateClientMaxLength },
    onConnection: (connection) => {
      new TemplateServerSession(connection, { ...ports, metrics: noMetrics }, provider);
    },
  });
  return {
    address: `127.0.0.1:${listener.port}`,
    publicKey: encodeAuthorityPublicKey(identity.authorityKey),
    get nextStamp() {
      return script.stamp(1);
    },
    send(kind) {
      if (session === undefined) throw new Error("no pool is connected to the template server");
      latest = kind === "tip" ? script.nextTip() : script.nextTemplate();
      const sentAt = systemMs();
      if (kind === "tip") sendTip(session, latest);
      else session.sendTemplate(messageOf(latest, false));
      return sentAt;
    },
    async close() {
      session?.close("done");
      await listener.close();
      await handshaker.close();
    },
  };
}

function sendTip(session: TemplateServerSession, work: ScriptedWork): void {
  const { prevHash, headerTimestamp, nbits, target } = work.tip;
  session.sendTip(messageOf(work, true), {
    templateId: work.template.templateId,
    ...{ prevHash, headerTimestamp, nbits },
    target: targetToBytes(target),
  });
}

function messageOf({ template }: ScriptedWork, futureTemplate: boolean): templateDistribution.NewTemplate {
  const { sourceId: _, ...fields } = template;
  return { ...fields, futureTemplate };
}
