/** Channels without work that everybody may have, and as many more as work. */
const FEW_CHANNELS = 16;

/** Open channels of one holder (a connection, a subnet), and how many of them earn. */
export class ChannelCounts {
  channels = 0;
  /** Those with an accepted share in the last hour. */
  earning = 0;

  /** Channels that bring no work. */
  get idle(): number {
    return this.channels - this.earning;
  }

  /** Idle channels beyond what anybody may have; below 0 for whoever holds few channels or works on half of them. */
  get excessIdle(): number {
    return this.idle - this.earning - FEW_CHANNELS;
  }
}
