/**
 * A few registers in the store, worked on by several clients at once: labels of configs, read and
 * compared-and-set through the Control API. The history goes to the linearizability checker.
 */
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Config } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import { explainRegister, type RegisterOp } from '../check/linearizable.js';
import type { Verdict } from '../check/verdict.js';
import type { ControlClient } from './control-client.js';

const LABEL = 'value';

export class Registers {
  readonly history = new Map<string, RegisterOp[]>();
  private readonly ids: string[] = [];
  private written = 0;
  private stopped = false;

  constructor(
    private readonly count: number,
    private readonly now: () => number,
    private readonly onAcknowledged: (config: Config) => void,
    private readonly verdict: Verdict,
  ) {}

  stop(): void {
    this.stopped = true;
  }

  /** Makes the registers; retries, since an unknown outcome leaves a config that nobody uses. */
  async create(client: ControlClient): Promise<void> {
    for (let attempt = 0; this.ids.length < this.count; attempt++) {
      const name = `register-${attempt}`;
      const data = Buffer.from('register');
      const outcome = await client.call(ControlService.createConfig, {
        spec: {
          annotations: { name, labels: { [LABEL]: 'first' }, indices: [] },
          data,
          templating: undefined,
        },
      } as never);
      if (outcome.how !== 'done') continue;
      const id = (outcome.answer as { config?: Config }).config?.id ?? '';
      this.ids.push(id);
      this.history.set(id, []);
    }
  }

  async work(name: string, client: ControlClient, pauseMs: number): Promise<void> {
    while (!this.stopped) {
      const id = this.ids[client.random.int(this.ids.length)] as string;
      const found = await this.read(name, client, id);
      if (found !== undefined && client.random.int(3) > 0) await this.set(name, client, found);
      await client.pause(pauseMs);
    }
  }

  /**
   * Many look at one register, each through a client of its own, and all but the first change it: for
   * when a manager may not know that it leads no more.
   */
  rush(name: string, clients: readonly ControlClient[], forMs: number): void {
    const id = this.ids[0];
    if (id === undefined) return;
    const until = this.now() + forMs;
    for (const [i, client] of clients.entries()) {
      const work = async (): Promise<void> => {
        while (!this.stopped && this.now() < until) {
          const found = await this.read(`${name}/${i}`, client, id);
          if (found !== undefined && i > 0) await this.set(`${name}/${i}`, client, found);
          await client.pause(200);
        }
      };
      client.life.later(0, 'rushes', () => void work());
    }
  }

  private async read(name: string, client: ControlClient, id: string): Promise<Config | undefined> {
    const calledAt = this.now();
    const outcome = await client.call(ControlService.getConfig, { configId: id });
    if (
      outcome.how === 'refused' &&
      isSwarmError(outcome.error) &&
      outcome.error.kind === 'not-found'
    )
      this.verdict.blame(
        'linearizability',
        `register ${id} was acknowledged, and cannot be read: ${messageOf(outcome.error)}`,
      );
    if (outcome.how !== 'done') return undefined;
    const config = outcome.answer.config as Config;
    this.note(id, {
      client: name,
      calledAt,
      answeredAt: this.now(),
      kind: 'read',
      expected: '',
      value: valueIn(config),
    });
    return config;
  }

  private async set(name: string, client: ControlClient, config: Config): Promise<void> {
    const value = `${name}/${++this.written}`;
    const calledAt = this.now();
    const { spec } = config;
    if (spec === undefined) return;
    const annotations = { name: '', indices: [], ...spec.annotations, labels: { [LABEL]: value } };
    const outcome = await client.call(ControlService.updateConfig, {
      configId: config.id,
      configVersion: config.meta?.version,
      spec: { ...spec, annotations },
    });
    if (outcome.how === 'refused') return;
    const done = outcome.how === 'done';
    this.note(config.id, {
      client: name,
      calledAt,
      answeredAt: done ? this.now() : Number.POSITIVE_INFINITY,
      kind: 'cas',
      expected: valueIn(config),
      value,
    });
    if (done && outcome.answer.config !== undefined) this.onAcknowledged(outcome.answer.config);
  }

  check(): void {
    const { verdict } = this;
    for (const [id, history] of this.history) {
      const why = explainRegister('first', history);
      if (why !== undefined) verdict.blame('linearizability', `register ${id}: ${why}`);
    }
  }

  get operations(): number {
    let sum = 0;
    for (const history of this.history.values()) sum += history.length;
    return sum;
  }

  private note(id: string, op: RegisterOp): void {
    this.history.get(id)?.push(op);
  }
}

const valueIn = (config: Config): string => config.spec?.annotations?.labels[LABEL] ?? '';
