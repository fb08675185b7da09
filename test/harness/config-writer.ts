import { setTimeout as pause } from 'node:timers/promises';
import { CreateConfigRequest, ListConfigsRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { ManagerGroup } from './manager-group.js';
import { until } from './until.js';

const BYTES = 512;
const PATIENCE_MS = 3_000;

/** Clients that write configs without rest, to whoever of these leads, and keep book of what was acknowledged. */
export class ConfigWriter {
  acknowledged = 0;
  /** Writes that may have happened, and that nobody answered for. */
  unanswered = 0;
  private readonly names = new Set<string>();
  private readonly number = ++made;
  private written = 0;
  private stopping = false;
  /** Who answered last. */
  private at = 0;

  constructor(
    private readonly group: Pick<ManagerGroup, 'managers' | 'ask'>,
    /** How long a client waits for the answer to one write. */
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Until `stop`. */
  async run(callers = 4): Promise<void> {
    this.stopping = false;
    await Promise.all(Array.from({ length: callers }, () => this.caller()));
  }

  stop(): void {
    this.stopping = true;
  }

  /** Waits for this many more. */
  async acknowledges(count: number): Promise<void> {
    const wanted = this.acknowledged + count;
    await until(`${count} more writes are acknowledged`, () => this.acknowledged >= wanted, 60_000);
  }

  /** Names of acknowledged writes that whoever leads now does not have. */
  async missing(): Promise<readonly string[]> {
    const request = ListConfigsRequest.create();
    const there = await until('the configs are listed', async () => {
      const { configs } = await this.group.ask(({ control }) =>
        control.listConfigs(request, { timeoutMs: 20_000 }),
      );
      return new Set(configs.map(({ spec }) => spec?.annotations?.name));
    });
    return [...this.names].filter((name) => !there.has(name));
  }

  private async caller(): Promise<void> {
    while (!this.stopping) {
      const { managers } = this.group;
      const manager = managers[this.at % managers.length];
      const name = `w${this.number}-${this.written++}`;
      const data = Buffer.alloc(BYTES, name);
      const request = CreateConfigRequest.fromPartial({ spec: { annotations: { name }, data } });
      const asked = this.at;
      try {
        if (manager === undefined || manager.daemon.pid === 0) throw new Error('down');
        await manager.swarm.control.createConfig(request, { timeoutMs: this.patienceMs });
        this.names.add(name);
        this.acknowledged++;
      } catch {
        this.unanswered++;
        if (this.at === asked) this.at++;
        await pause(20);
      }
    }
  }
}

let made = 0;
