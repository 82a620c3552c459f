import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The smallest file system that can measure a network: Debian's busybox-static. Returns its tar archive. */
export function makeRoot(directory: string): string {
  const root = join(directory, 'root');
  for (const name of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  const archive = join(directory, 'root.tar');
  execFileSync('tar', ['-C', root, '--owner=0', '--group=0', '--numeric-owner', '-cf', archive, '.']);
  return archive;
}

/** An image of one layer, as an archive of the OCI's image layout. https://github.com/opencontainers/image-spec */
export function makeImage(root: string, directory: string, name: string, command: readonly string[]): string {
  const layout = join(directory, name.replaceAll(/\W/g, '-'));
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const put = (content: Buffer): { digest: string; size: number } => {
    const digest = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', digest), content);
    return { digest: `sha256:${digest}`, size: content.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' };
  const layer = put(readFileSync(root));
  const config = put(
    json({
      ...platform,
      config: { Env: ['PATH=/bin'], Cmd: command },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
      history: [{ created_by: 'netloom' }],
    }),
  );
  const type = 'application/vnd.oci.image';
  const manifest = put(
    json({
      schemaVersion: 2,
      mediaType: `${type}.manifest.v1+json`,
      config: { mediaType: `${type}.config.v1+json`, ...config },
      layers: [{ mediaType: `${type}.layer.v1.tar`, ...layer }],
    }),
  );
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name };
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(layout, 'index.json'),
    json({
      schemaVersion: 2,
      manifests: [{ mediaType: `${type}.manifest.v1+json`, ...manifest, annotations, platform }],
    }),
  );
  const archive = `${layout}.tar`;
  execFileSync('tar', ['-C', layout, '-cf', archive, '.']);
  return archive;
}
