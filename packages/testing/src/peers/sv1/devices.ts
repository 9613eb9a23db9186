import { Sv1Device, type Sv1DeviceJob, type Sv1ServerLine } from "./sv1-device.ts";

/** ESP-Miner's default, sdkconfig STRATUM_DIFFICULTY. */
const SUGGESTED_DIFFICULTY = 1_000;
/** 40 hashes a second stand for a terahash. */
const HASHES_ARE_CHEAPER_BY = 1e12 / 40;

const hex32 = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");

/**
 * ESP-Miner on Stratum V1 (bitaxeorg/ESP-Miner@5c27713). configure, subscribe and authorize leave together
 * (main/tasks/stratum_v1_task.c:329-340); suggest_difficulty and extranonce.subscribe follow the authorization (494-501).
 */
export class EspMinerV1 extends Sv1Device {
  // Lines of any length are read into a buffer that grows (components/stratum/stratum_api.c, receive_jsonrpc_line).
  protected readonly lineLimit = Number.POSITIVE_INFINITY;
  #authorizeId = 0;
  #announced: number | undefined;
  /** stratum_v1_task.c:37, MAX_ACTIVE_JOB_IDS */
  readonly #activeJobIds: string[] = [];

  protected begin(): void {
    const [configure, subscribe] = [this.nextId(), this.nextId()];
    this.#authorizeId = this.nextId();
    // stratum_api.c:756, 656, 689
    this.say(
      `{"id":${configure},"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff"}]}\n` +
        `{"id":${subscribe},"method":"mining.subscribe","params":["bitaxe/BM1370/v2.15.0"]}\n` +
        `{"id":${this.#authorizeId},"method":"mining.authorize","params":["${this.user}","${this.password}"]}\n`,
    );
  }

  protected onAnswer(id: number, { result, error }: Sv1ServerLine): void {
    if (error !== null) this.violations.push(`refused: ${JSON.stringify(error)}`);
    else if (id === 1) this.onConfigured(result);
    else if (id === 2) this.onSubscribed(result);
    else if (id === this.#authorizeId) {
      // stratum_api.c:667, 678
      const wish = SUGGESTED_DIFFICULTY / HASHES_ARE_CHEAPER_BY;
      this.say(`{"id":${this.nextId()},"method":"mining.suggest_difficulty","params":[${wish}]}\n`);
      this.say(`{"id":${this.nextId()},"method":"mining.extranonce.subscribe","params":[]}\n`);
    }
  }

  /** create_jobs_task.c:126: a difficulty counts from the next job that is taken up. */
  protected override onDifficulty(difficulty: number): void {
    this.#announced = difficulty;
  }

  /** stratum_v1_task.c:384-400: a job id that is among the last sixteen is ignored. */
  protected override takes(jobId: string, clean: boolean): boolean {
    if (clean) this.#activeJobIds.length = 0;
    if (this.#activeJobIds.includes(jobId)) {
      this.violations.push(`job id ${jobId} came again`);
      return false;
    }
    this.#activeJobIds.push(jobId);
    if (this.#activeJobIds.length > 16) this.#activeJobIds.shift();
    this.difficulty = this.#announced ?? this.difficulty;
    return true;
  }

  /** stratum_api.c:735 */
  protected submitLine(
    id: number,
    job: Sv1DeviceJob,
    extranonce2: string,
    nonce: number,
    bits: number,
  ): string {
    const params = [this.user, job.jobId, extranonce2, hex32(job.ntime), hex32(nonce), hex32(bits)];
    return `{"id":${id},"method":"mining.submit","params":${JSON.stringify(params)}}\n`;
  }
}

/**
 * NerdMiner (BitMaker-hub/NerdMiner_v2@e3a04b7). It waits for one line after subscribe (src/stratum.cpp:69), then sends authorize
 * and a wish without waiting (src/mining.cpp:288-292), and the wish again every 30 s (src/mining.h:10).
 */
export class NerdMiner extends Sv1Device {
  // BUFFER_JSON_DOC, src/stratum.h:15
  protected readonly lineLimit = 4_096;
  #subscribed = false;

  protected begin(): void {
    this.say(`{"id": ${this.nextId()}, "method": "mining.subscribe", "params": ["NerdMinerV2/1.8.3"]}\n`);
  }

  protected onAnswer(_id: number, { result, error }: Sv1ServerLine): void {
    if (error !== null) this.violations.push(`refused: ${JSON.stringify(error)}`);
    if (this.#subscribed) return;
    this.#subscribed = true;
    if (this.jobs > 0 || this.difficulties.length > 0)
      this.violations.push("the first line was not the subscribe answer");
    this.onSubscribed(result);
    // stratum.cpp:125
    this.say(
      `{"params": ["${this.user}", "${this.password}"], "id": ${this.nextId()}, "method": "mining.authorize"}\n`,
    );
    const wish = () =>
      this.say(`{"id":${this.nextId()},"method":"mining.suggest_difficulty","params":[0.00015]}\n`);
    wish();
    this.clock.every(30_000, () => {
      if (this.wire.ended === null) wish();
    });
  }

  /** stratum.cpp:215-222: five parameters, the nonce without its leading zeros. */
  protected submitLine(id: number, job: Sv1DeviceJob, extranonce2: string, nonce: number): string {
    const params = [this.user, job.jobId, extranonce2, hex32(job.ntime), nonce.toString(16)];
    return `{"id":${id},"method":"mining.submit","params":${JSON.stringify(params)}}\n`;
  }
}

/**
 * cgminer (ckolivas/cgminer@b8491c6). One step at a time: configure, subscribe, authorize, each after the answer to the one
 * before (util.c:2239, 3222, 2732).
 */
export class CgMiner extends Sv1Device {
  // RBUFSIZE, miner.h:1451
  protected readonly lineLimit = 8_192;
  #step = 0;
  /** util.c:2473-2478: two difficulties before a job would count for two jobs. */
  readonly #stacked: number[] = [];

  protected begin(): void {
    this.say(
      `{"id": ${this.nextId()}, "method": "mining.configure", "params": [["version-rolling"], {"version-rolling.mask": "ffffffff"}]}\n`,
    );
  }

  protected onAnswer(_id: number, { result, error }: Sv1ServerLine): void {
    const refused = (error !== null && error !== undefined) || result === null || result === false;
    if (refused) this.violations.push(`refused: ${JSON.stringify(error)}`);
    this.#step += 1;
    if (this.#step === 1) {
      this.onConfigured(result);
      this.say(`{"id": ${this.nextId()}, "method": "mining.subscribe", "params": ["cgminer/4.11.1"]}\n`);
    } else if (this.#step === 2) {
      this.onSubscribed(result);
      // util.c:3293
      if (this.extranonce2Size < 2 || this.extranonce2Size > 16) this.violations.push("n2size out of range");
      this.say(
        `{"id": ${this.nextId()}, "method": "mining.authorize", "params": ["${this.user}", "${this.password}"]}\n`,
      );
    }
  }

  protected override onDifficulty(difficulty: number): void {
    this.#stacked.push(difficulty);
  }

  /** util.c:2357-2361 */
  protected override takes(): boolean {
    this.difficulty = this.#stacked.shift() ?? this.difficulty;
    return true;
  }

  /** cgminer.c:7158 */
  protected submitLine(
    id: number,
    job: Sv1DeviceJob,
    extranonce2: string,
    nonce: number,
    bits: number,
  ): string {
    const params = [this.user, job.jobId, extranonce2, hex32(job.ntime), hex32(nonce), hex32(bits)];
    return `{"params": ${JSON.stringify(params)}, "id": ${id}, "method": "mining.submit"}\n`;
  }
}

/**
 * A device by reported behaviour: nulls in subscribe (stratum-mining/stratum#964, bosminer), authorize before subscribe, `\r\n`, an
 * id that is a text, and lines cut in the middle.
 */
export class OddMiner extends Sv1Device {
  protected readonly lineLimit = Number.POSITIVE_INFINITY;

  protected begin(): void {
    const authorize = `{"id":${this.nextId()},"method":"mining.authorize","params":["${this.user}",null]}\r\n`;
    const subscribe = `{"id":${this.nextId()},"method":"mining.subscribe","params":["bosminer-plus-tuner",null,"pool",null]}\r\n`;
    const both = authorize + subscribe;
    this.say(both.slice(0, 40));
    this.say(both.slice(40, 120));
    this.say(both.slice(120));
  }

  protected onAnswer(id: number, { result, error }: Sv1ServerLine): void {
    if (error !== null) this.violations.push(`refused: ${JSON.stringify(error)}`);
    if (id === 2) this.onSubscribed(result);
  }

  protected submitLine(id: number, job: Sv1DeviceJob, extranonce2: string, nonce: number): string {
    const params = [
      this.user,
      job.jobId.toUpperCase(),
      extranonce2.toUpperCase(),
      hex32(job.ntime).toUpperCase(),
    ];
    return `{"id":"${id}","method":"mining.submit","params":${JSON.stringify([...params, hex32(nonce).toUpperCase(), null])}}\r\n`;
  }
}
