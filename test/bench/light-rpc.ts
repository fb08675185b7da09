import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { MethodDefinition } from '@grpc/grpc-js';

/**
 * gRPC as thin as it goes, for a process that is two thousand agents: one HTTP/2 connection an agent,
 * frames by hand. What the manager sees is what any client sends.
 */

export interface Trust {
  /** Undefined: the server is not verified. */
  readonly rootsPem: string | undefined;
  readonly certificatePem?: string;
  readonly keyPem?: string;
}

export class RefusedCall extends Error {
  constructor(
    readonly code: number,
    text: string,
  ) {
    super(text);
  }
}

/** Nothing is kept for a second connection that there will not be. */
const settings = { enablePush: false };

export class LightConnection {
  private readonly session: ClientHttp2Session;

  /** With mutual TLS; `http://host:port`: in the clear; `unix:/path`: the control socket of a manager. */
  constructor(address: string, trust: Trust = { rootsPem: undefined }) {
    this.session = open(address, trust);
    this.session.on('error', () => undefined);
  }

  unary<Q, S>(method: MethodDefinition<Q, S>, request: Q): Promise<S> {
    return new Promise((resolve, reject) => {
      let answer: S | undefined;
      const done = (error: RefusedCall | undefined): void => {
        if (error !== undefined) reject(error);
        else if (answer === undefined) reject(new RefusedCall(13, 'no answer'));
        else resolve(answer);
      };
      this.open(
        method,
        request,
        (message) => {
          answer = message;
        },
        done,
      );
    });
  }

  /** `ended` is called once, with why when it was not in order. */
  open<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    onMessage: (message: S) => void,
    ended: (error: RefusedCall | undefined) => void,
  ): void {
    let isOver = false;
    const over = (error: RefusedCall | undefined): void => {
      if (isOver) return;
      isOver = true;
      ended(error);
    };
    if (this.session.destroyed || this.session.closed) {
      queueMicrotask(() => over(new RefusedCall(14, 'the connection is closed')));
      return;
    }
    const stream = this.session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: method.path,
      [constants.HTTP2_HEADER_TE]: 'trailers',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    });
    const body = method.requestSerialize(request);
    const frame = Buffer.allocUnsafe(5 + body.length);
    frame[0] = 0;
    frame.writeUInt32BE(body.length, 1);
    body.copy(frame, 5);
    stream.end(frame);
    let kept: Buffer = Buffer.alloc(0);
    const status = (headers: Record<string, unknown>): void => {
      const code = headers['grpc-status'];
      if (code !== undefined)
        over(
          code === '0'
            ? undefined
            : new RefusedCall(
                Number(code),
                decodeURIComponent(String(headers['grpc-message'] ?? '')),
              ),
        );
    };
    stream.on('response', status);
    stream.on('trailers', status);
    stream.on('data', (bytes: Buffer) => {
      kept = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
      while (kept.length >= 5) {
        const end = 5 + kept.readUInt32BE(1);
        if (kept.length < end) break;
        onMessage(method.responseDeserialize(Buffer.from(kept.subarray(5, end))));
        kept = kept.subarray(end);
      }
    });
    stream.on('error', (error: Error) => over(new RefusedCall(14, error.message)));
    stream.on('close', () => over(new RefusedCall(14, 'the stream was closed')));
  }

  /** Not from within the session's own callbacks: node 20 frees there what it still uses. */
  close(): void {
    setImmediate(() => this.session.destroy());
  }
}

function open(address: string, trust: Trust): ClientHttp2Session {
  const { rootsPem, certificatePem, keyPem } = trust;
  if (address.startsWith('http://')) return connect(address, { settings });
  if (address.startsWith('unix:'))
    return connect('https://localhost', {
      settings,
      createConnection: () =>
        connectTls({
          path: address.slice('unix:'.length),
          ALPNProtocols: ['h2'],
          rejectUnauthorized: false,
        }),
    });
  return connect(`https://${address}`, {
    servername: 'swarm-manager',
    ca: rootsPem,
    rejectUnauthorized: rootsPem !== undefined,
    cert: certificatePem,
    key: keyPem,
    minVersion: 'TLSv1.2',
    settings,
  });
}
