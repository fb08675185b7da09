import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Swarm } from '../harness/swarm.js';
import { absent, ServiceRecord, specOf, type Wanted, wantedOf } from './crash-ledger.js';

/** Clients that write without rest until the daemon under them is killed, and keep book of it. */
export class Writers {
  readonly records: ServiceRecord[] = [];
  acknowledged = 0;
  lost = 0;
  private killed = false;
  private writes = 0;
  private grown: ServiceRecord[] = [];
  private round = 0;
  private readonly changed = ['left', 'right'].map((name) => [
    this.record(`${name}-a`),
    this.record(`${name}-b`),
  ]);

  constructor(private readonly random: Random) {}

  /** Until `kill`; rejects when something else than the kill comes in the way. */
  async run(swarm: Swarm): Promise<void> {
    this.killed = false;
    this.round++;
    await Promise.all([
      this.untilKilled(() => this.grow(swarm)),
      ...this.changed.map((records) => this.untilKilled(() => this.change(swarm, records))),
    ]);
  }

  /** From here on errors are what a crash does. */
  kill(): void {
    this.killed = true;
  }

  /** Removes what the round before has left and puts up services that only ever grow. */
  private async grow(swarm: Swarm): Promise<void> {
    const old = this.grown;
    this.grown = [];
    for (const record of old)
      if (record.acknowledged !== absent) await this.write(swarm, record, absent);
    for (const letter of ['a', 'b']) {
      const record = this.record(`grow-${this.round}-${letter}`);
      this.grown.push(record);
      for (let replicas = 1; replicas <= 3; replicas++)
        await this.write(swarm, record, { write: 0, replicas, generation: 0 });
    }
  }

  private async change(swarm: Swarm, records: readonly ServiceRecord[]): Promise<void> {
    while (!this.killed) {
      const record = records[this.random.int(records.length)] as ServiceRecord;
      await this.write(swarm, record, this.next(record));
    }
  }

  private next({ acknowledged }: ServiceRecord): Wanted | typeof absent {
    const replicas = this.random.int(4);
    if (acknowledged === absent) return { write: 0, replicas, generation: 0 };
    const dice = this.random.int(10);
    if (dice === 0) return absent;
    const generation = acknowledged.generation + (dice < 4 ? 1 : 0);
    return { write: 0, replicas, generation };
  }

  private async write(
    swarm: Swarm,
    record: ServiceRecord,
    wanted: Wanted | typeof absent,
  ): Promise<void> {
    await pause(this.random.int(120));
    if (this.killed) return;
    const next = wanted === absent ? absent : { ...wanted, write: ++this.writes };
    record.sending(next);
    try {
      record.answered(await this.send(swarm, record, next));
      this.acknowledged++;
    } catch (error) {
      if (this.killed) this.lost++;
      if (this.killed || !isOvertaken(error)) throw error;
      record.refused();
      await this.lookAgain(swarm, record);
    }
  }

  private async send(swarm: Swarm, record: ServiceRecord, next: Wanted | typeof absent) {
    const { service, name } = record;
    if (next === absent) {
      await swarm.remove(service?.id ?? '');
      return undefined;
    }
    const spec = specOf(name, next);
    return record.acknowledged === absent || service === undefined
      ? swarm.create(spec)
      : swarm.update(service, spec);
  }

  /** The updater has touched the service since; what we wrote must be what is there. */
  private async lookAgain(swarm: Swarm, record: ServiceRecord): Promise<void> {
    const service = await swarm.service(record.service?.id ?? '');
    const { acknowledged } = record;
    if (acknowledged === absent || wantedOf(service.spec).write !== acknowledged.write)
      throw new Error(`${record.name} is not what was acknowledged, without any crash`);
    record.service = service;
  }

  private async untilKilled(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (!this.killed) throw new Error(`a write failed: ${messageOf(cause)}`, { cause });
    }
  }

  private record(name: string): ServiceRecord {
    const record = new ServiceRecord(name);
    this.records.push(record);
    return record;
  }
}

const isOvertaken = (error: unknown): boolean => /out of sequence/.test(messageOf(error));
