import { targetToBytes } from "@lode/bitcoin";
import { native } from "@lode/native";
import { systemMs } from "@lode/simulator";
import { listenForTemplates, ScriptedTemplateServer } from "@lode/testing/templates";
import { TemplateScript } from "../scripted-templates.ts";

/** A Template Distribution server that says what the benchmark tells it to, to one pool. */
export interface BenchTemplateServer {
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
export async function startTemplateServer(): Promise<BenchTemplateServer> {
  const script = new TemplateScript(native);
  const server = new ScriptedTemplateServer();
  const sendTip = () => {
    const { template, tip } = script.nextTip();
    server.newTip(template, { ...tip, target: targetToBytes(tip.target) });
  };
  sendTip();
  const { port, publicKey, close } = await listenForTemplates(server);
  return {
    address: `127.0.0.1:${port}`,
    publicKey,
    get nextStamp() {
      return script.stamp(1);
    },
    send(kind) {
      if (server.clients === 0) throw new Error("no pool is connected to the template server");
      const sentAt = systemMs();
      if (kind === "tip") sendTip();
      else server.refresh(script.nextTemplate().template);
      return sentAt;
    },
    close,
  };
}
