import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { SecretRequest } from '@swarmkit/sdk/contracts/secret-driver';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import {
  aSecretRequest,
  secretDriverConformance,
  vaultOf,
} from '@swarmkit/sdk/testkit/secret-driver-conformance';
import { EndpointSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { DockerSecretDriver } from '../shell/docker-secret-driver.js';

/** A plugin as Docker's helpers make them, on a socket or a port. */
class FakePlugin {
  readonly bodies: unknown[] = [];
  kinds = ['secretprovider'];
  /** Instead of an answer to GetSecret. */
  raw: { readonly status: number; readonly body: string } | undefined;
  private readonly server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      if (request.url === '/Plugin.Activate')
        return response.end(JSON.stringify({ Implements: this.kinds }));
      if (this.raw !== undefined) {
        response.statusCode = this.raw.status;
        return response.end(this.raw.body);
      }
      const asked = JSON.parse(body) as { readonly SecretName: string; readonly TaskID: string };
      this.bodies.push(asked);
      const answer = vaultOf(asked.SecretName, asked.TaskID);
      if (answer === 'silence') return undefined;
      return response.end(
        JSON.stringify(
          'error' in answer
            ? { Err: answer.error }
            : {
                Value: Buffer.from(answer.value).toString('base64'),
                DoNotReuse: answer.doNotReuse,
              },
        ),
      );
    });
  });

  async listen(at: string | number): Promise<number> {
    await new Promise<void>((resolve) => {
      if (typeof at === 'string') this.server.listen(at, resolve);
      else this.server.listen(at, '127.0.0.1', resolve);
    });
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let folder: string;
let plugin: FakePlugin;
const start = async (): Promise<void> => {
  folder = await mkdtemp(path.join(tmpdir(), 'secret-plugin-'));
  plugin = new FakePlugin();
};
const stop = async (): Promise<void> => {
  await plugin.close();
  await rm(folder, { recursive: true, force: true });
};

secretDriverConformance("Docker's plugins", {
  async start() {
    await start();
    await plugin.listen(path.join(folder, 'vault.sock'));
    return { driver: new DockerSecretDriver([folder]), name: 'vault' };
  },
  stop,
});

describe("Docker's secret plugins", () => {
  beforeEach(start);
  afterEach(stop);
  const never = new AbortController().signal;
  const asked = (more: Partial<SecretRequest> = {}) => aSecretRequest(more);
  const driver = () => new DockerSecretDriver([path.join(folder, 'none'), folder]);

  it('are asked in the words of their protocol', async () => {
    await plugin.listen(path.join(folder, 'vault.sock'));
    const serviceEndpoint = EndpointSpec.fromPartial({
      mode: 1,
      ports: [{ name: 'http', protocol: 1, publishedPort: 80, targetPort: 8080, publishMode: 1 }],
    });
    await driver().get(
      asked({
        secretLabels: { a: '1' },
        serviceLabels: { b: '2' },
        serviceHostname: 'h',
        serviceEndpoint,
      }),
      never,
    );
    assert.deepEqual(plugin.bodies, [
      {
        SecretName: 'shared',
        SecretLabels: { a: '1' },
        ServiceHostname: 'h',
        ServiceName: 'web',
        ServiceID: 'service',
        ServiceLabels: { b: '2' },
        TaskID: 'task',
        TaskName: 'web.1.task',
        TaskImage: 'busybox',
        NodeID: 'node',
        ServiceEndpointSpec: {
          Mode: 1,
          Ports: [
            {
              Name: 'http',
              Protocol: 1,
              PublishedPort: 80,
              TargetPort: 8080,
              PublishMode: 1,
            },
          ],
        },
      },
    ]);
  });

  it('are found in a folder of their own, and by a file that says where they listen', async () => {
    await mkdir(path.join(folder, 'deep'));
    await plugin.listen(path.join(folder, 'deep', 'deep.sock'));
    assert.equal(await driver().has('deep'), true);
    const port = await unusedPort();
    await writeFile(path.join(folder, 'far.spec'), `tcp://127.0.0.1:${port}\n`);
    await writeFile(path.join(folder, 'near.spec'), `unix://${folder}/deep/deep.sock`);
    await writeFile(path.join(folder, 'bad.spec'), 'nowhere');
    assert.equal(await driver().has('near'), true);
    assert.equal(await driver().has('bad'), false);
    await assert.rejects(driver().has('far'), /secret plugin far gave no good answer/);
  });

  it('of another kind are none', async () => {
    plugin.kinds = ['VolumeDriver'];
    await plugin.listen(path.join(folder, 'vault.sock'));
    assert.equal(await driver().has('vault'), false);
  });

  it('that answer nonsense are refused in a sentence without it', async () => {
    await plugin.listen(path.join(folder, 'vault.sock'));
    for (const [status, body, why] of [
      [200, 'hunter2', 'it is no JSON'],
      [500, 'hunter2', 'status 500'],
      [500, '{"Err":"sealed"}', 'sealed'],
      [200, '{"Value":7}', 'its value is no text'],
      [200, '{"Value":"hunter2"}', 'its value is not in base64'],
      [200, `"${'x'.repeat(2 << 20)}"`, 'it is too long'],
    ] as const) {
      plugin.raw = { status, body };
      const answer = await driver()
        .get(asked(), never)
        .then(String, (error: unknown) => messageOf(error));
      assert.equal(answer, `secret plugin vault gave no good answer: ${why}`);
    }
    plugin.raw = { status: 200, body: 'null' };
    assert.equal((await driver().get(asked(), never)).value.length, 0);
    plugin.raw = { status: 200, body: JSON.stringify({ Value: 'aHVudGVy\r\nMg==\n' }) };
    assert.equal(Buffer.from((await driver().get(asked(), never)).value).toString(), 'hunter2');
  });

  it('that went in between say so', async () => {
    await plugin.listen(path.join(folder, 'other.sock'));
    await assert.rejects(
      driver().get(asked(), never),
      /vault gave no good answer: it is not there/,
    );
  });
});

/** On which nobody listens any more. */
async function unusedPort(): Promise<number> {
  const one = new FakePlugin();
  const port = await one.listen(0);
  await one.close();
  return port;
}
