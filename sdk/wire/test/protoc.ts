// Debian's protoc as an independent implementation of the codec, fed with our own .proto files.
// When it is not installed its tests are skipped with the reason printed; under CI that is a
// failure. Descriptors come from buf, which is a dependency and so always there.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From sdk/dist/wire/test. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Why protoc cannot be asked, or undefined when it can. */
export function protocMissing(): string | undefined {
  const ran = spawnSync('protoc', ['--version'], { encoding: 'utf8' });
  if (ran.error === undefined && ran.status === 0) return undefined;
  const reason = `protoc does not run (${ran.error?.message ?? ran.stderr}): apt-get install protobuf-compiler`;
  if (process.env.CI === 'true') throw new Error(reason);
  return reason;
}

/** The FileDescriptorSet of everything under sdk/wire/proto, well-known types included. */
export function descriptorSet(): Buffer {
  const dir = mkdtempSync(join(tmpdir(), 'swarmkit-wire-'));
  try {
    const image = join(dir, 'image.binpb');
    run(process.execPath, [
      join(ROOT, 'node_modules/@bufbuild/buf/bin/buf'),
      'build',
      join(ROOT, 'sdk/wire/proto'),
      '--as-file-descriptor-set',
      '-o',
      image,
    ]);
    return readFileSync(image);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** `protoc --encode` and `--decode` over one descriptor set in a file. */
export class Protoc {
  private readonly descriptors: string;

  constructor(descriptors: string) {
    this.descriptors = descriptors;
  }

  encode(type: string, text: string): Buffer {
    return run(
      'protoc',
      [`--descriptor_set_in=${this.descriptors}`, '--deterministic_output', `--encode=${type}`],
      Buffer.from(text),
    );
  }

  /** Text format: one text for one meaning, unknown fields included. */
  decode(type: string, bytes: Uint8Array): string {
    return run(
      'protoc',
      [`--descriptor_set_in=${this.descriptors}`, `--decode=${type}`],
      bytes,
    ).toString('utf8');
  }
}

function run(command: string, args: readonly string[], input?: Uint8Array): Buffer {
  const ran = spawnSync(command, args, { maxBuffer: 64 * 1024 * 1024, ...(input && { input }) });
  if (ran.error !== undefined || ran.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${ran.error?.message ?? String(ran.stderr)}`);
  }
  return ran.stdout;
}
