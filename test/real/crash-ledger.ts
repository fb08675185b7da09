import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { serviceSpec } from '../harness/specs.js';

/**
 * What clients of a daemon that crashes know: of each service the last acknowledged write, and the one
 * whose answer was lost in a crash, if there is one. Every write carries a number in a label, so that
 * what is found tells which write it comes from.
 */

/** What a write makes of a service. */
export interface Wanted {
  readonly write: number;
  readonly replicas: number;
  /** Goes into the command, so that another one replaces the tasks. */
  readonly generation: number;
}

export const absent = 'absent';
type Known = Wanted | typeof absent;

export class ServiceRecord {
  acknowledged: Known = absent;
  /** Of the last acknowledged answer. */
  service: Service | undefined;
  /** A write that was sent and not answered yet, or never. */
  sent: Known | undefined;
  /** Since the last `settle` there was nothing but growth: no task had a reason to end. */
  onlyGrew = true;
  /** What the acknowledged write replaced. */
  private before: Known = absent;

  constructor(readonly name: string) {}

  sending(next: Known): void {
    const now = this.acknowledged;
    this.sent = next;
    if (next === absent || (now !== absent && next.generation !== now.generation))
      this.onlyGrew = false;
    else if (now !== absent && next.replicas < now.replicas) this.onlyGrew = false;
  }

  answered(service: Service | undefined): void {
    if (this.sent === undefined) return;
    this.before = this.acknowledged;
    this.acknowledged = this.sent;
    this.service = service;
    this.sent = undefined;
  }

  /** Surely not written. */
  refused(): void {
    this.sent = undefined;
  }

  /** Compares with what the daemon holds, and takes over what a write without an answer has done. */
  settle(services: readonly Service[]): string[] {
    const found = services.filter(({ spec }) => spec?.annotations?.name === this.name);
    const [service] = found;
    if (found.length > 1) return [`${this.name} is there ${found.length} times`];
    const state: Known = service === undefined ? absent : wantedOf(service.spec);
    const known = this.service;
    const lost = this.sent;
    if (lost !== undefined && same(state, lost)) this.answered(service);
    else if (same(state, this.acknowledged)) this.sent = undefined;
    else
      return [
        `${this.name} is ${show(state)}; acknowledged was ${show(this.acknowledged)}, without an answer ${show(lost)}`,
      ];
    this.onlyGrew = true;
    return service === undefined ? [] : this.history(service, known);
  }

  /** The object's own account of how it came to be: nothing is skipped and nothing is there twice. */
  private history(service: Service, known: Service | undefined): string[] {
    const wrong: string[] = [];
    const previous = service.previousSpec === undefined ? absent : wantedOf(service.previousSpec);
    if (!same(previous, this.before))
      wrong.push(`${this.name} came from ${show(previous)} and not from ${show(this.before)}`);
    if (known !== undefined && service.id !== known.id && this.before !== absent)
      wrong.push(`${this.name} is another object than the acknowledged one`);
    if (known !== undefined && service.id === known.id && versionOf(service) < versionOf(known))
      wrong.push(
        `${this.name} has version ${versionOf(service)}, ${versionOf(known)} was acknowledged`,
      );
    this.service = service;
    return wrong;
  }
}

export const specOf = (name: string, { write, replicas, generation }: Wanted): ServiceSpec =>
  serviceSpec({
    name,
    replicas,
    labels: { write: String(write) },
    container: { args: ['sleep', String(100_000 + generation)] },
  });

export function wantedOf(spec: ServiceSpec | undefined): Wanted {
  const runtime = spec?.task?.runtime;
  const args = runtime?.$case === 'container' ? runtime.value.args : [];
  return {
    write: Number(spec?.annotations?.labels.write),
    replicas: spec?.mode?.$case === 'replicated' ? Number(spec.mode.value.replicas) : -1,
    generation: Number(args[1]) - 100_000,
  };
}

const versionOf = (service: Service): bigint => service.meta?.version?.index ?? -1n;

const same = (a: Known, b: Known): boolean => show(a) === show(b);

const show = (known: Known | undefined): string =>
  known === undefined
    ? 'none'
    : known === absent
      ? absent
      : `write ${known.write} (${known.replicas} replicas, generation ${known.generation})`;
