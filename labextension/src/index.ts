// Video chat in JupyterLab: a side panel with a room for each of a person's groups.

import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { IFrame, ToolbarButton } from '@jupyterlab/ui-components';

import { cameraIcon } from './icon';
import { createPanel } from './panel';
import { address, Room, rooms, server } from './rooms';

const SHOW = 'qhub-video-chat:show';
const JOIN = 'qhub-video-chat:join';
const CATEGORY = 'Video Chat';
const ALLOWED =
  'camera; microphone; display-capture; autoplay; clipboard-write; fullscreen; screen-wake-lock; speaker-selection';

function activate(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  launcher: ILauncher | null,
  restorer: ILayoutRestorer | null
): void {
  if (!server()) {
    return;
  }
  const open = new Map<string, MainAreaWidget>();

  const addressOf = async (room: Room): Promise<string> => {
    const user = app.serviceManager.user;
    await user.ready;
    return address(room, user.identity?.display_name ?? '');
  };

  const join = async (room: Room): Promise<void> => {
    let widget = open.get(room.name);
    if (!widget) {
      widget = createRoom(room, await addressOf(room), () => leaveFor(room));
      widget.disposed.connect(() => open.delete(room.name));
      open.set(room.name, widget);
      app.shell.add(widget, 'main');
    }
    app.shell.activateById(widget.id);
  };

  const leaveFor = async (room: Room): Promise<void> => {
    const elsewhere = window.open(await addressOf(room), '_blank', 'noopener');
    elsewhere?.focus();
    open.get(room.name)?.dispose();
  };

  const panel = createPanel({ join, leaveFor });
  app.shell.add(panel, 'left', { rank: 650 });
  restorer?.add(panel, panel.id);

  app.commands.addCommand(SHOW, {
    label: 'Video Chat',
    caption: 'Rooms of your groups',
    icon: cameraIcon,
    execute: () => app.shell.activateById(panel.id)
  });
  launcher?.add({ command: SHOW, category: 'Other', rank: 10 });
  palette?.addItem({ command: SHOW, category: CATEGORY });

  app.commands.addCommand(JOIN, {
    label: args => `Enter the Room of ${args.group}`,
    icon: cameraIcon,
    execute: async args => {
      const room = rooms().find(room => room.group === args.group);
      return room && join(room);
    }
  });
  for (const { group } of rooms()) {
    palette?.addItem({ command: JOIN, category: CATEGORY, args: { group } });
  }
}

/** A tab with a room; closing it leaves the room. */
function createRoom(room: Room, url: string, leaveFor: () => void): MainAreaWidget {
  const content = new IFrame({
    sandbox: [
      'allow-same-origin',
      'allow-scripts',
      'allow-forms',
      'allow-modals',
      'allow-popups',
      'allow-downloads'
    ]
  });
  const frame = content.node.querySelector('iframe')!;
  frame.title = `Video chat of ${room.group}`;
  frame.allow = ALLOWED;
  content.url = url;
  const widget = new MainAreaWidget({ content });
  widget.id = `qhub-video-chat-${room.group}`;
  widget.title.label = room.group;
  widget.title.caption = frame.title;
  widget.title.icon = cameraIcon;
  widget.title.closable = true;
  widget.toolbar.addItem(
    'browser-tab',
    new ToolbarButton({ label: 'Open in a browser tab', onClick: leaveFor })
  );
  return widget;
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'qhub-video-chat:plugin',
  description: 'Video chat with rooms of groups at a Jitsi server.',
  autoStart: true,
  optional: [ICommandPalette, ILauncher, ILayoutRestorer],
  activate
};

export default plugin;
