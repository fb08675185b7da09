/**
 * The false network: every message between two hosts takes its time, and connections behave as TCP's do
 * under faults. In one connection and direction messages keep their order; between connections they
 * overtake each other. A cut holds messages back, and breaks a connection that is silent for too long;
 * each end learns that by itself. A reset takes along what was under way, in either direction.
 */
import type { Random } from '@swarmkit/sdk/plugin/env';
import type { Life } from '../engine/life.js';
import { nature, type Owner, type Schedule } from '../engine/schedule.js';

export interface Weather {
  readonly minMs: number;
  readonly maxMs: number;
  /** Share of messages that are late by up to `slowMs`. */
  readonly slow: number;
  readonly slowMs: number;
  /** Share of messages whose connection is reset, with the message lost. */
  readonly reset: number;
  /** Share of repeatable requests that arrive twice. */
  readonly twice: number;
}

export const calm: Weather = { minMs: 0.2, maxMs: 1, slow: 0, slowMs: 0, reset: 0, twice: 0 };

/** After so much silence on a connection both ends give it up. */
const KEEPALIVE_MS = 6_000;

export interface NetworkCounts {
  sent: number;
  late: number;
  held: number;
  resets: number;
  twice: number;
  broken: number;
}

/** One end of a connection: who is told, and of what. */
export interface End {
  readonly host: string;
  readonly owner: Life | Owner;
  broken(): void;
}

export class Network {
  weather: Weather = calm;
  readonly counts: NetworkCounts = { sent: 0, late: 0, held: 0, resets: 0, twice: 0, broken: 0 };
  /** `from>to` of directed links that deliver nothing. */
  private readonly cuts = new Set<string>();
  private readonly wires = new Set<Wire>();

  constructor(
    readonly schedule: Schedule,
    readonly random: Random,
  ) {}

  isCut(from: string, to: string): boolean {
    return this.cuts.has(`${from}>${to}`);
  }

  cut(from: string, to: string): void {
    this.cuts.add(`${from}>${to}`);
    for (const wire of this.wires) if (wire.links(from, to)) wire.silenceBegins();
  }

  mend(from: string, to: string): void {
    if (!this.cuts.delete(`${from}>${to}`)) return;
    for (const wire of [...this.wires]) if (wire.links(from, to)) wire.mended();
  }

  mendAll(): void {
    for (const link of [...this.cuts]) {
      const [from = '', to = ''] = link.split('>');
      this.mend(from, to);
    }
  }

  get cutLinks(): number {
    return this.cuts.size;
  }

  open(a: End, b: End): Wire {
    const wire = new Wire(this, a, b);
    this.wires.add(wire);
    if (this.isCut(a.host, b.host) || this.isCut(b.host, a.host)) wire.silenceBegins();
    return wire;
  }

  /** The process is gone. Its kernel resets what it had open, unless the machine is gone too. */
  hostDied(owner: Life, machineToo: boolean): void {
    for (const wire of [...this.wires]) wire.endDied(owner, machineToo);
  }

  forget(wire: Wire): void {
    this.wires.delete(wire);
  }

  get openWires(): number {
    return this.wires.size;
  }
}

interface Parcel {
  readonly what: string;
  readonly arrive: () => void;
}

type Side = 'a' | 'b';
const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');

/** One connection between two processes. */
export class Wire {
  private readonly ends: Readonly<Record<Side, End>>;
  private readonly told: Record<Side, boolean> = { a: false, b: false };
  private readonly finished: Record<Side, boolean> = { a: false, b: false };
  private readonly held: Record<Side, Parcel[]> = { a: [], b: [] };
  /** When the last message of this direction arrives: none may overtake it. */
  private readonly lastAt: Record<Side, number> = { a: 0, b: 0 };
  private dead = false;
  private giveUp: (() => void) | undefined;

  constructor(
    private readonly network: Network,
    a: End,
    b: End,
  ) {
    this.ends = { a, b };
  }

  links(from: string, to: string): boolean {
    const { a, b } = this.ends;
    return (a.host === from && b.host === to) || (a.host === to && b.host === from);
  }

  /** From this side to the other. */
  send(side: Side, what: string, arrive: () => void): void {
    const { network } = this;
    if (this.dead || this.told[side]) return;
    network.counts.sent++;
    const from = this.ends[side].host;
    const to = this.ends[other(side)].host;
    if (from !== to && network.isCut(from, to)) {
      network.counts.held++;
      this.held[side].push({ what, arrive });
      return;
    }
    if (from !== to && network.weather.reset > 0 && network.random.next() < network.weather.reset) {
      network.counts.resets++;
      this.reset();
      return;
    }
    this.deliver(side, { what, arrive });
  }

  private deliver(side: Side, { what, arrive }: Parcel): void {
    const { network } = this;
    const { schedule } = network;
    const receiver = this.ends[other(side)];
    const at = Math.max(this.lastAt[side], schedule.now + this.latency());
    this.lastAt[side] = at;
    schedule.after(at - schedule.now, receiver.owner, what, () => {
      // A reset overtakes what was under way.
      if (!this.told[other(side)]) arrive();
    });
  }

  private latency(): number {
    const { network } = this;
    const { a, b } = this.ends;
    const { minMs, maxMs, slow, slowMs } = a.host === b.host ? localWeather : network.weather;
    const ms = minMs + network.random.next() * (maxMs - minMs);
    if (slow === 0 || network.random.next() >= slow) return ms;
    network.counts.late++;
    return ms + network.random.next() * slowMs;
  }

  silenceBegins(): void {
    if (this.dead || this.giveUp !== undefined) return;
    this.giveUp = this.network.schedule.after(
      KEEPALIVE_MS * (0.5 + this.network.random.next()),
      nature,
      'keepalive',
      () => this.reset(),
    );
  }

  mended(): void {
    const { a, b } = this.ends;
    const { network } = this;
    if (network.isCut(a.host, b.host) || network.isCut(b.host, a.host)) {
      this.release();
      return;
    }
    this.giveUp?.();
    this.giveUp = undefined;
    this.release();
  }

  private release(): void {
    for (const side of ['a', 'b'] as const) {
      if (this.network.isCut(this.ends[side].host, this.ends[other(side)].host)) continue;
      const parcels = this.held[side];
      this.held[side] = [];
      for (const parcel of parcels) this.deliver(side, parcel);
    }
  }

  /** Both ends learn that the connection is gone, each in its time. */
  reset(): void {
    if (this.dead) return;
    this.network.counts.broken++;
    this.close();
    for (const side of ['a', 'b'] as const) this.tell(side, this.latency());
  }

  endDied(owner: Life, machineToo: boolean): void {
    for (const side of ['a', 'b'] as const) {
      if (this.ends[side].owner !== owner) continue;
      this.told[side] = true;
      this.close();
      const silence = machineToo ? KEEPALIVE_MS * (0.5 + this.network.random.next()) : 0;
      const at = Math.max(this.lastAt[side] - this.network.schedule.now, 0);
      this.tell(other(side), silence + at + this.latency());
    }
  }

  /** This end has said and heard all it wants. */
  done(side: Side): void {
    this.finished[side] = true;
    if (this.finished[other(side)]) this.close();
  }

  private close(): void {
    this.dead = true;
    this.giveUp?.();
    this.giveUp = undefined;
    this.network.forget(this);
  }

  private tell(side: Side, ms: number): void {
    const end = this.ends[side];
    this.network.schedule.after(ms, end.owner, 'connection broken', () => {
      if (this.told[side]) return;
      this.told[side] = true;
      end.broken();
    });
  }
}

const localWeather: Weather = { ...calm, minMs: 0.01, maxMs: 0.1 };
