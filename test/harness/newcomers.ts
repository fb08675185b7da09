import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { keyAndCsr } from '../bench/csr.js';
import { LightConnection } from '../bench/light-rpc.js';
import type { LanHost } from './lan.js';

/**
 * Workers that ask for a certificate and never come up: their nodes are in the store from then on. A module, and
 * a program (`newcomers ADDRESS TOKEN COUNT`), since the addresses of a test's hosts are only to be had there.
 */

/** Ids of the new nodes. */
export async function newcomers(
  host: LanHost,
  address: string,
  token: string,
  count: number,
): Promise<readonly string[]> {
  const [command = '', ...words] = [
    ...host.enter,
    process.execPath,
    ...[fileURLToPath(import.meta.url), address, token, String(count)],
  ];
  const { stdout } = await promisify(execFile)(command, words, { timeout: 60_000 });
  return stdout.trim().split('\n');
}

async function ask(address: string, token: string): Promise<string> {
  const connection = new LightConnection(address, { rootsPem: undefined });
  try {
    const { nodeId } = await connection.unary(NodeCAService.issueNodeCertificate, {
      role: NodeRole.WORKER,
      csr: keyAndCsr().csr,
      token,
      availability: NodeSpec_Availability.PAUSE,
      expiredCertificate: Buffer.alloc(0),
    });
    return nodeId;
  } finally {
    connection.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , address = '', token = '', count = ''] = process.argv;
  for (let i = 0; i < Number(count); i++) process.stdout.write(`${await ask(address, token)}\n`);
}
