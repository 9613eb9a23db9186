/** Messages of extension 0x0001, Extensions Negotiation. */
import { seq0_64k, u16 } from "../field-types.ts";
import { chapter, type Fields } from "../message-definition.ts";

const message = chapter("extensions-negotiation", 0x0001);

/** Far above the handful of extensions there are; the types alone would allow 131 kB before anything is agreed. */
const MAX_LENGTH = 4096;

/** Sent right after SetupConnection.Success. */
export const RequestExtensions = message({
  specName: "RequestExtensions",
  section: "extension 0x0001, section 2",
  msgType: 0x00,
  sender: "client",
  fields: { requestId: u16, requestedExtensions: seq0_64k(u16) },
  maxLength: MAX_LENGTH,
});
export type RequestExtensions = Fields<typeof RequestExtensions>;

/** At least one requested extension is supported, and no required one is missing. */
export const RequestExtensionsSuccess = message({
  specName: "RequestExtensions.Success",
  section: "extension 0x0001, section 2",
  msgType: 0x01,
  sender: "server",
  fields: { requestId: u16, supportedExtensions: seq0_64k(u16) },
  maxLength: MAX_LENGTH,
});
export type RequestExtensionsSuccess = Fields<typeof RequestExtensionsSuccess>;

/** None is supported, or a required one was not requested. */
export const RequestExtensionsError = message({
  specName: "RequestExtensions.Error",
  section: "extension 0x0001, section 2",
  msgType: 0x02,
  sender: "server",
  fields: { requestId: u16, unsupportedExtensions: seq0_64k(u16), requiredExtensions: seq0_64k(u16) },
  maxLength: MAX_LENGTH,
});
export type RequestExtensionsError = Fields<typeof RequestExtensionsError>;
