/**
 * A CFSSL signer in this process: real TLS that demands a client certificate, real certificates of another
 * library's making, and answers of every wrong kind on request.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const minute = 60_000;
const span = () => ({
  notBefore: new Date(Date.now() - 5 * minute),
  notAfter: new Date(Date.now() + 600 * minute),
});

type Keys = Awaited<ReturnType<typeof newKeys>>;
export const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

export interface Root {
  readonly keys: Keys;
  readonly certificate: x509.X509Certificate;
  readonly pem: string;
}

const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

export async function newRoot(name: string): Promise<Root> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...span(),
    serialNumber: '01',
    name,
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  return { keys, certificate, pem: pemOf(certificate) };
}

export async function issue(
  root: Root,
  subject: string,
  publicKey: unknown,
  extensions: x509.Extension[] = [],
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    ...span(),
    serialNumber: '02',
    subject,
    issuer: root.certificate.subject,
    signingAlgorithm: algorithm,
    signingKey: root.keys.privateKey as never,
    publicKey: publicKey as never,
    extensions,
  });
  return pemOf(certificate);
}

export async function identity(root: Root, subject: string) {
  const keys = await newKeys();
  const names = new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]);
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const body = der.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    certificatePem: await issue(root, subject, keys.publicKey, [names]),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${body}-----END PRIVATE KEY-----\n`,
  };
}

export const csrOf = async (keys: Keys, name: string): Promise<string> =>
  (
    await x509.Pkcs10CertificateRequestGenerator.create({
      name,
      keys: keys as never,
      signingAlgorithm: algorithm,
    })
  ).toString('pem');

/** What is answered, by path. */
export type Reply = { readonly status: number; readonly text: string } | 'sign' | 'hang';

export interface CfsslServer {
  readonly url: string;
  /** What was asked, as it came. */
  readonly asked: Record<string, unknown>[];
  /** CN of who asked. */
  readonly callers: string[];
  readonly replies: Map<string, Reply>;
}

export async function serve(t: TestContext, root: Root): Promise<CfsslServer> {
  const asked: Record<string, unknown>[] = [];
  const callers: string[] = [];
  const replies = new Map<string, Reply>();
  const { certificatePem, keyPem } = await identity(root, 'CN=cfssl');
  const server: Server = createServer(
    {
      cert: certificatePem,
      key: keyPem,
      ca: root.pem,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
        asked.push(body);
        const socket = request.socket as unknown as {
          getPeerCertificate(): { subject?: { CN?: string } };
        };
        callers.push(socket.getPeerCertificate().subject?.CN ?? '');
        const reply = replies.get(request.url ?? '') ?? 'sign';
        if (reply === 'hang') return;
        if (reply !== 'sign') {
          response.writeHead(reply.status).end(reply.text);
          return;
        }
        void sign(root, body).then((certificate) => {
          const answer = { success: true, result: { certificate }, errors: [], messages: [] };
          response.writeHead(200).end(JSON.stringify(answer));
        });
      });
    },
  );
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, asked, callers, replies };
}

async function sign(root: Root, body: Record<string, unknown>): Promise<string> {
  const csr = new x509.Pkcs10CertificateRequest(body.certificate_request as string);
  const { CN, names } = body.subject as { CN: string; names: { O?: string; OU?: string }[] };
  const subject = [
    ...names.flatMap(({ O, OU }) => [O && `O=${O}`, OU && `OU=${OU}`]),
    `CN=${CN}`,
  ].filter(Boolean);
  const extensions = (
    (body.extensions ?? []) as { id: string; critical: boolean; value: string }[]
  ).map(({ id, critical, value }) => new x509.Extension(id, critical, Buffer.from(value, 'hex')));
  return issue(root, subject.join(', '), csr.publicKey, extensions);
}
