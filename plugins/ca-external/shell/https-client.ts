/**
 * Requests to one authority: its certificate must chain to the given roots, and it is shown this node's.
 * Every attempt ends within five seconds.
 */
import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { Clock } from '@swarmkit/sdk/plugin/env';

const LIMIT_MS = 5_000;
const MAX_ANSWER_BYTES = 256 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export class HttpsClient {
  /** For the identity and roots of the last request: many nodes are signed for with the same. */
  private agent: { readonly of: string; readonly agent: Agent } | undefined;

  constructor(
    private readonly identity: NodeIdentity,
    private readonly clock: Clock,
  ) {}

  /** Rejects with a plain Error that completes "the external CA … cannot be asked: ". */
  async post(url: string, body: string, rootsPem: string): Promise<HttpAnswer> {
    const target = new URL(url);
    if (target.protocol !== 'https:') throw new Error('its address must begin with https://');
    const stop = new AbortController();
    const cancel = this.clock.after(LIMIT_MS, () => stop.abort());
    try {
      return await this.send(target, body, rootsPem, stop.signal);
    } catch (error) {
      throw stop.signal.aborted ? new Error('it took longer than 5 s') : error;
    } finally {
      cancel();
    }
  }

  /** Whether a TLS connection can be made. */
  reach(url: string, rootsPem: string): Promise<boolean> {
    const target = parsed(url);
    if (target === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const host = target.hostname.replace(/^\[|\]$/g, '');
      const socket = connect({
        host,
        port: Number(target.port || '443'),
        ...(isIP(host) === 0 && { servername: host }),
        ...this.credentials(rootsPem),
      });
      const end = (reached: boolean): void => {
        cancel();
        socket.destroy();
        resolve(reached);
      };
      const cancel = this.clock.after(LIMIT_MS, () => end(false));
      socket.on('secureConnect', () => end(true));
      socket.on('error', () => end(false));
      socket.on('close', () => end(false));
    });
  }

  stop(): void {
    this.agent?.agent.destroy();
    this.agent = undefined;
  }

  private send(
    target: URL,
    body: string,
    rootsPem: string,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      const call = request(
        target,
        { method: 'POST', headers, agent: this.agentFor(rootsPem), signal },
        (response) => {
          const parts: Buffer[] = [];
          let size = 0;
          response.on('data', (part: Buffer) => {
            size += part.length;
            parts.push(part);
            if (size > MAX_ANSWER_BYTES)
              response.destroy(new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`));
          });
          response.on('error', reject);
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
          );
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  }

  private agentFor(rootsPem: string): Agent {
    const of = `${this.identity.current().certificatePem}\n${rootsPem}`;
    if (this.agent?.of !== of) {
      this.stop();
      const agent = new Agent({ keepAlive: true, ...this.credentials(rootsPem) });
      this.agent = { of, agent };
    }
    return this.agent.agent;
  }

  private credentials(rootsPem: string) {
    const { certificatePem, keyPem } = this.identity.current();
    return { ca: rootsPem, cert: certificatePem, key: keyPem, minVersion: 'TLSv1.2' as const };
  }
}

function parsed(url: string): URL | undefined {
  try {
    const target = new URL(url);
    return target.protocol === 'https:' ? target : undefined;
  } catch {
    return undefined;
  }
}
