/**
 * The listener: bytes of one engine go to another and back, unread, for as long as an exchange of memberlists
 * takes. They are encrypted with the cluster's keys, which the relay has no need of.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { View } from '@swarmkit/sdk/contracts/store';
import type { Clock, Random } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { anyGossips, partnersFor } from '../core/partners.js';

/** An exchange takes milliseconds; engines give up after ten seconds. */
const LIFE_MS = 10_000;
const CONNECT_MS = 2_000;
const MOST_AT_ONCE = 64;

export interface RelayParts {
  readonly view: () => View;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where engines listen. */
  readonly partnerPort: number;
  /** Where this manager takes calls of other nodes, if it does: `0.0.0.0:2377`. */
  readonly remote: () => string | undefined;
}

export class Relay {
  private readonly server: Server;
  private readonly open = new Set<Socket>();
  private asked = false;
  private readonly counts = { led: 0, refused: 0, noPartner: 0 };

  constructor(private readonly parts: RelayParts) {
    this.server = createServer({ allowHalfOpen: true }, (caller) => {
      this.keep(caller);
      void this.lead(caller);
    });
    this.server.maxConnections = MOST_AT_ONCE;
  }

  /** Listens from when there is somebody to lead: a cluster without Docker engines never opens the port. */
  look(port: number): void {
    const remote = this.parts.remote();
    if (this.asked || remote === undefined || !anyGossips(this.parts.view())) return;
    this.asked = true;
    const { log } = this.parts;
    const host = hostOf(remote);
    this.listen(host, port).then(
      () => log.info({ host, port }, 'Docker engines find each other here'),
      (error: unknown) =>
        log.warn(`Docker engines cannot find each other through this manager: ${messageOf(error)}`),
    );
  }

  /** Until the manager stops. */
  async run(signal: AbortSignal): Promise<void> {
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await this.close();
  }

  /** Resolves when it listens; throws node's own error. The port, for who asked for any. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        this.server.on('error', (error) => this.parts.log.warn({ err: error }, 'gossip relay'));
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    return new Promise((resolve) => {
      this.server.close(() => resolve());
    });
  }

  counters(): Readonly<Record<string, number>> {
    return this.counts;
  }

  private async lead(caller: Socket): Promise<void> {
    const { view, random, log, partnerPort } = this.parts;
    const from = caller.remoteAddress ?? '';
    const partners = partnersFor(view(), from, random);
    if (partners === undefined) {
      this.counts.refused += 1;
      caller.destroy();
      return;
    }
    for (const host of partners) {
      const partner = await this.dial(host, partnerPort);
      if (partner === undefined) continue;
      this.counts.led += 1;
      log.debug({ from, to: host }, 'two engines meet');
      caller.pipe(partner).pipe(caller);
      endTogether(caller, partner);
      endTogether(partner, caller);
      return;
    }
    // Alone so far, or the others are out of reach: the engine asks again within a minute.
    this.counts.noPartner += 1;
    caller.destroy();
  }

  private dial(host: string, port: number): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, allowHalfOpen: true });
      this.keep(socket);
      const giveUp = this.parts.clock.after(CONNECT_MS, () => socket.destroy());
      socket.once('connect', () => {
        giveUp();
        resolve(socket);
      });
      socket.once('close', () => {
        giveUp();
        resolve(undefined);
      });
    });
  }

  /** Ends with the relay, when its time is over, and without a word when it breaks. */
  private keep(socket: Socket): void {
    this.open.add(socket);
    const cancel = this.parts.clock.after(LIFE_MS, () => socket.destroy());
    // Also told as `close`.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      cancel();
      this.open.delete(socket);
    });
  }
}

/** A pipe hands on an end, but not that a side broke off: the other would wait for it until its time is over. */
function endTogether(one: Socket, other: Socket): void {
  const look = (): void => {
    if (!one.readableEnded || !one.writableFinished) other.destroy();
  };
  if (one.destroyed) look();
  else one.on('close', look);
}

/** Of `host:port` or `[v6]:port`. */
const hostOf = (address: string): string =>
  address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
