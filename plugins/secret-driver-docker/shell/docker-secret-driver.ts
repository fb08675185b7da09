/** Finds secret provider plugins on this machine and asks them, as Docker does: by HTTP, mostly over a socket. */
import { readFile, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type {
  SecretDriver,
  SecretRequest,
  SecretValue,
} from '@swarmkit/sdk/contracts/secret-driver';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import {
  type Address,
  activatePath,
  addressOf,
  badAnswer,
  bodyOf,
  candidates,
  contentType,
  getSecretPath,
  isPluginName,
  isProvider,
  secretValue,
} from '../core/provider-call.js';

/** Where Docker looks, in this order. */
const dockersFolders = ['/run/docker/plugins', '/etc/docker/plugins', '/usr/lib/docker/plugins'];
/** Of the largest secret in base64, with room. */
const longestAnswer = 1 << 20;
const timeoutMs = 10_000;

export class DockerSecretDriver implements SecretDriver {
  readonly id = 'docker';

  constructor(private readonly folders: readonly string[] = dockersFolders) {}

  async has(name: string): Promise<boolean> {
    const address = await this.find(name);
    if (address === undefined) return false;
    return isProvider(await post(name, address, activatePath, ''));
  }

  async get(asked: SecretRequest, signal: AbortSignal): Promise<SecretValue> {
    const address = await this.find(asked.driver);
    if (address === undefined) throw badAnswer(asked.driver, 'it is not there any more');
    return secretValue(
      asked.driver,
      await post(asked.driver, address, getSecretPath, bodyOf(asked), signal),
    );
  }

  /** Looked for each time: plugins come, go and are restarted elsewhere. */
  private async find(name: string): Promise<Address | undefined> {
    if (!isPluginName(name)) return undefined;
    for (const { path, kind } of this.folders.flatMap((folder) => candidates(folder, name))) {
      const found = await stat(path).catch(() => undefined);
      if (kind === 'socket' && found?.isSocket()) return { socketPath: path };
      if (kind === 'spec' && found?.isFile()) {
        const address = addressOf(await readFile(path, 'utf8'));
        if (address !== undefined) return address;
      }
    }
    return undefined;
  }
}

const post = (
  name: string,
  address: Address,
  path: string,
  body: string,
  signal?: AbortSignal,
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const refuse = (why: string): void => reject(badAnswer(name, why));
    const sent = httpRequest(
      {
        ...address,
        method: 'POST',
        path,
        headers: { accept: contentType, 'content-length': Buffer.byteLength(body) },
        agent: false,
        timeout: timeoutMs,
        ...(signal && { signal }),
      },
      (answer) => {
        const parts: Buffer[] = [];
        let length = 0;
        answer.on('data', (part: Buffer) => {
          parts.push(part);
          length += part.length;
          if (length > longestAnswer) sent.destroy(new Error('it is too long'));
        });
        answer.on('error', (error) => refuse(messageOf(error)));
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString();
          try {
            const value: unknown = JSON.parse(text);
            if (answer.statusCode === 200) return resolve(value);
            // Docker's helpers for plugins say what went wrong in the same place.
            const { Err } = (value ?? {}) as { readonly Err?: unknown };
            refuse(typeof Err === 'string' && Err !== '' ? Err : `status ${answer.statusCode}`);
          } catch {
            // Not shown: it may hold what nobody is to see.
            refuse(answer.statusCode === 200 ? 'it is no JSON' : `status ${answer.statusCode}`);
          }
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`nothing for ${timeoutMs / 1000} s`)));
    sent.on('error', (error) => refuse(messageOf(error)));
    sent.end(body);
  });
