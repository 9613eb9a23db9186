/** Messages of every protocol (SV2 3.6). */
import { str0_255, u8, u16, u32 } from "../field-types.ts";
import { chapter, type Fields } from "../message-definition.ts";

const message = chapter("common");

/** The first message of every connection. */
export const SetupConnection = message({
  specName: "SetupConnection",
  section: "3.6.1",
  msgType: 0x00,
  sender: "client",
  fields: {
    /** See `Protocol`. */
    protocol: u8,
    minVersion: u16,
    maxVersion: u16,
    /** Bits per protocol, see `MiningFlags`. */
    flags: u32,
    endpointHost: str0_255,
    endpointPort: u16,
    vendor: str0_255,
    hardwareVersion: str0_255,
    firmware: str0_255,
    deviceId: str0_255,
  },
});
export type SetupConnection = Fields<typeof SetupConnection>;

/** The connection is accepted. */
export const SetupConnectionSuccess = message({
  specName: "SetupConnection.Success",
  section: "3.6.2",
  msgType: 0x01,
  sender: "server",
  fields: {
    usedVersion: u16,
    /** See `MiningSuccessFlags`. */
    flags: u32,
  },
});
export type SetupConnectionSuccess = Fields<typeof SetupConnectionSuccess>;

/** The connection is refused; the server closes it. */
export const SetupConnectionError = message({
  specName: "SetupConnection.Error",
  section: "3.6.3",
  msgType: 0x02,
  sender: "server",
  fields: {
    /** All requested flags that are not supported, 0 when the reason is another. */
    flags: u32,
    errorCode: str0_255,
  },
});
export type SetupConnectionError = Fields<typeof SetupConnectionError>;

/** A proxy's endpoint of a channel changed: extension state of the channel starts over. */
export const ChannelEndpointChanged = message({
  specName: "ChannelEndpointChanged",
  section: "3.6.4",
  msgType: 0x03,
  sender: "server",
  channelMsg: true,
  fields: { channelId: u32 },
});
export type ChannelEndpointChanged = Fields<typeof ChannelEndpointChanged>;

/** Asks the client to connect again, to another host if one is named. */
export const Reconnect = message({
  specName: "Reconnect",
  section: "3.6.5",
  msgType: 0x04,
  sender: "server",
  fields: {
    /** Empty: the present host. */
    newHost: str0_255,
    /** 0: the present port. */
    newPort: u16,
  },
});
export type Reconnect = Fields<typeof Reconnect>;
