// Connections to the remote port, and who has to leave when there are too many. The oldest goes: who has
// something to say says it within milliseconds and is known then, so a flood of silent connections pushes
// out its own and nobody else.

export interface Limits {
  /** Connections without a certificate: of one address (IPv6: of one /64), and of all. */
  readonly newcomersPerAddress: number;
  readonly newcomers: number;
  /** Connections with the certificate of one node. */
  readonly connectionsPerNode: number;
  /** Calls in progress on one connection, unless it is a manager's. */
  readonly callsPerConnection: number;
  /** The same of a manager's, which passes on the calls of all its agents. */
  readonly callsPerManager: number;
  /** Time for a TLS handshake, ms. */
  readonly handshakeMs: number;
  /** How long a connection without a certificate may make no call, ms. */
  readonly silentMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  newcomersPerAddress: 512,
  newcomers: 4_096,
  connectionsPerNode: 256,
  callsPerConnection: 128,
  // Three streams of each of 10,000 agents, and room for what they report.
  callsPerManager: 32_768,
  handshakeMs: 10_000,
  silentMs: 30_000,
};

export type Excess = 'newcomers-per-address' | 'newcomers' | 'connections-per-node';

export interface Evicted {
  readonly key: string;
  readonly because: Excess;
}

interface Newcomer {
  readonly group: string;
  /** When it last did something, ms. */
  at: number;
  calls: number;
}

/** Connections are named by `ip:port`. Every verb but `leave` expects the name to be present or does nothing. */
export class Crowd {
  private readonly newcomers = new Map<string, Newcomer>();
  private readonly addresses = new Map<string, Set<string>>();
  private readonly nodes = new Map<string, Set<string>>();
  private readonly nodeOf = new Map<string, string>();
  /** Calls in progress of connections that are nodes'. */
  private readonly calls = new Map<string, number>();

  constructor(private readonly limits: Limits) {}

  /** A connection nobody knows yet. Answers which one has to leave for it. */
  enter(key: string, address: string, now: number): Evicted | undefined {
    const group = groupOf(address);
    this.newcomers.set(key, { group, at: now, calls: 0 });
    const others = grown(this.addresses, group, key);
    if (others.size > this.limits.newcomersPerAddress)
      return { key: oldest(others), because: 'newcomers-per-address' };
    if (this.newcomers.size > this.limits.newcomers)
      return { key: oldest(this.newcomers.keys()), because: 'newcomers' };
    return undefined;
  }

  /** Its certificate verified. */
  known(key: string, nodeId: string): Evicted | undefined {
    this.forget(key);
    this.nodeOf.set(key, nodeId);
    const others = grown(this.nodes, nodeId, key);
    return others.size > this.limits.connectionsPerNode
      ? { key: oldest(others), because: 'connections-per-node' }
      : undefined;
  }

  /** False: it has as many calls in progress as it may, and this one did not begin. */
  began(key: string, now: number): boolean {
    const newcomer = this.newcomers.get(key);
    if (newcomer !== undefined) {
      newcomer.calls++;
      newcomer.at = now;
    } else if (this.nodeOf.has(key)) {
      const calls = this.calls.get(key) ?? 0;
      if (calls >= this.limits.callsPerManager) return false;
      this.calls.set(key, calls + 1);
    }
    return true;
  }

  ended(key: string, now: number): void {
    const newcomer = this.newcomers.get(key);
    if (newcomer !== undefined) {
      newcomer.calls--;
      newcomer.at = now;
      return;
    }
    const calls = this.calls.get(key) ?? 0;
    if (calls > 1) this.calls.set(key, calls - 1);
    else this.calls.delete(key);
  }

  leave(key: string): void {
    this.forget(key);
    const node = this.nodeOf.get(key);
    if (node === undefined) return;
    this.nodeOf.delete(key);
    this.calls.delete(key);
    shrunk(this.nodes, node, key);
  }

  /** Newcomers that have been silent for too long. */
  silent(now: number): readonly string[] {
    const found: string[] = [];
    for (const [key, { at, calls }] of this.newcomers)
      if (calls === 0 && now - at > this.limits.silentMs) found.push(key);
    return found;
  }

  get size(): { readonly newcomers: number; readonly known: number } {
    return { newcomers: this.newcomers.size, known: this.nodeOf.size };
  }

  private forget(key: string): void {
    const newcomer = this.newcomers.get(key);
    if (newcomer === undefined) return;
    this.newcomers.delete(key);
    shrunk(this.addresses, newcomer.group, key);
  }
}

/** Whoever has one IPv6 address has a whole /64 of them. */
export function groupOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  const all = tail === undefined ? left : [...left, ...zeros, ...right];
  return `${all.slice(0, 4).join(':')}::/64`;
}

function grown(sets: Map<string, Set<string>>, name: string, key: string): Set<string> {
  let set = sets.get(name);
  if (set === undefined) {
    set = new Set();
    sets.set(name, set);
  }
  set.add(key);
  return set;
}

function shrunk(sets: Map<string, Set<string>>, name: string, key: string): void {
  const set = sets.get(name);
  set?.delete(key);
  if (set?.size === 0) sets.delete(name);
}

/** Sets and maps keep the order in which they were filled. */
const oldest = (keys: Iterable<string>): string => keys[Symbol.iterator]().next().value as string;
