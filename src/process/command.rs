//! What is to be started, and how.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

use super::child::{Child, OnDrop};
use super::orphans;
use super::waiting::may_wait;
use crate::io::named;

/// A process that is to be started, in the shape of [`std::process::Command`]: [`output`](Self::output) and [`status`](Self::status) suspend the task until it has
/// ended. asyncio's `create_subprocess_exec`.
///
/// All that std's has and this has not is had by [`as_std_mut`](Self::as_std_mut), or by building std's and converting it.
///
/// # Starting takes a moment
///
/// [`spawn`](Self::spawn) blocks its thread until the program has been loaded, as asyncio's does: some hundreds of microseconds, and as long as the
/// file system takes. It is not done on another thread, since a child inherits from the thread that starts it: who its parent's death is
/// told of, its scheduling, its namespaces. Where that takes long, `unblock(move || command.spawn())` does it elsewhere.
///
/// # Examples
///
/// ```
/// use cede::process::Command;
///
/// let output = cede::run(|| Command::new("sh").args(["-c", "echo $GREETING"]).env("GREETING", "hello").output())?;
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct Command {
    std: std::process::Command,
    /// Which of the three standard streams were set here.
    is_set: [bool; 3],
    on_drop: OnDrop,
}

/// A command of the shell, `/bin/sh -c`: asyncio's `create_subprocess_shell`.
///
/// What comes from elsewhere does not belong into it: a shell takes `;` and `$` as its own. Have it as an argument, or a variable of the
/// environment, or do without a shell.
///
/// A signal goes to the shell alone and not to what that has started. `exec` in front of its last command makes that take the shell's place;
/// where there are several, [`process_group(0)`](Command::process_group) or [`kill_group_on_drop`](Command::kill_group_on_drop) has them reached together.
///
/// # Examples
///
/// ```
/// let output = cede::run(|| cede::process::shell("echo hello | tr a-z A-Z").output())?;
/// assert_eq!(output.stdout, b"HELLO\n");
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn shell(command: impl AsRef<OsStr>) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

impl Command {
    /// A program, without arguments, with the environment, the directory and the streams of this process. One without a `/` is looked
    /// for in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        std::process::Command::new(program).into()
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = S>) -> &mut Self {
        self.std.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(key, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        self.std.envs(variables);
        self
    }

    /// Takes a variable out of its environment, also one that it would inherit.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Takes all variables out of its environment. It inherits none.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// The directory that it begins in. A program with a relative path: see
    /// [`std::process::Command::current_dir`].
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(directory);
        self
    }

    /// What it reads: where nothing is set, what this process reads for `spawn` and `status`, nothing for `output`. A pipe of
    /// [`io`](crate::io), also one of another child, is set to blocking.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.std.stdin(stdin);
        self.is_set[0] = true;
        self
    }

    /// Where its output goes: where nothing is set, to where this process's does for `spawn` and `status`, here for `output`.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.std.stdout(stdout);
        self.is_set[1] = true;
        self
    }

    /// Where what it says of errors goes: where nothing is set, as for [`stdout`](Self::stdout).
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.std.stderr(stderr);
        self.is_set[2] = true;
        self
    }

    /// The user that it runs as; [`CommandExt::uid`].
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// The group that it runs as; [`CommandExt::gid`].
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// The group of processes that it belongs to; 0 for a new one of its own, which Ctrl-C at the terminal does not reach. [`CommandExt::process_group`].
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.std.process_group(group);
        self
    }

    /// What the program is told that it is called; [`CommandExt::arg0`].
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg0(name);
        self
    }

    /// Whether the child is killed (SIGKILL) when its [`Child`] is dropped before it has ended, as by a task that is cancelled. Off at first, as in
    /// std: a child then goes on.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.on_drop = if kill { OnDrop::IsKilled } else { OnDrop::GoesOn };
        self
    }

    /// Whether it is started as the leader of a process group of its own, and all that are in that group are killed when the [`Child`] is
    /// dropped: what a shell has started, too, and also where the shell has ended before. Not set at first; the later call of this and
    /// [`kill_on_drop`](Self::kill_on_drop) counts; a group it has all the same, until [`process_group`](Self::process_group) says otherwise.
    /// One that is put into another group by that is killed alone.
    ///
    /// Who has left the group is not reached: a daemon, or a job of an interactive shell. Nor is any after the child was waited for, on
    /// systems other than Linux 6.9 and later; see [`Child::send_signal_to_group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::{Stdio, shell};
    /// use std::io::{self, Read};
    ///
    /// cede::run(|| -> io::Result<()> {
    ///     let mut child =
    ///         shell("sleep 1000 & echo begun; wait").kill_group_on_drop(true).stdout(Stdio::piped()).spawn()?;
    ///     let mut stdout = child.stdout.take().unwrap();
    ///     stdout.read_exact(&mut [0; 6])?;
    ///     drop(child);
    ///     // `sleep` had the pipe as well.
    ///     assert_eq!(io::read_to_string(stdout)?, "");
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn kill_group_on_drop(&mut self, kill: bool) -> &mut Self {
        if kill {
            self.std.process_group(0);
        }
        self.on_drop = if kill { OnDrop::GroupIsKilled } else { OnDrop::GoesOn };
        self
    }

    /// Starts it. Blocks the thread until the program has been loaded: see [above](Self#starting-takes-a-moment). Needs no run.
    ///
    /// # Errors
    ///
    /// When there is no such program, or it can't be run; when there is no such directory; when there is no descriptor left, or the user has too many processes;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where a name has a NUL inside.
    pub fn spawn(&mut self) -> io::Result<Child> {
        orphans::look_at_left_over();
        let program = format!("{:?}", self.std.get_program());
        let child = self.std.spawn().map_err(|error| failed(&self.std, error))?;
        let mut child = Child::adopt(child, program)?;
        child.set_on_drop(self.on_drop);
        Ok(child)
    }

    /// Starts it, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait`]. Where a task may not wait nothing is started.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. The child goes on, unless [`kill_on_drop`](Self::kill_on_drop) was set.
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        may_wait()?;
        self.spawn()?.wait()
    }

    /// Starts it, reads what it says, and waits until it has ended. Streams that were not set are pipes for this, and its input is empty.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait_with_output`]. Where a task may not wait nothing is started.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, and what was read is lost. The child goes on, unless [`kill_on_drop`](Self::kill_on_drop) was set.
    pub fn output(&mut self) -> io::Result<Output> {
        may_wait()?;
        self.spawn_for_output()?.wait_with_output()
    }

    /// Has the streams that were not set as `output` wants them, for this time.
    fn spawn_for_output(&mut self) -> io::Result<Child> {
        let set: [fn(&mut std::process::Command, Stdio) -> &mut std::process::Command; 3] =
            [std::process::Command::stdin, std::process::Command::stdout, std::process::Command::stderr];
        let of_output: [fn() -> Stdio; 3] = [Stdio::null, Stdio::piped, Stdio::piped];
        let unset = (0..3).filter(|&stream| !self.is_set[stream]).collect::<Vec<_>>();
        for &stream in &unset {
            set[stream](&mut self.std, of_output[stream]());
        }
        let child = self.spawn();
        for &stream in &unset {
            set[stream](&mut self.std, Stdio::inherit());
        }
        child
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.std.get_program()
    }

    /// The arguments.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.std.get_args()
    }

    /// The variables of the environment that were set here, or taken out (`None`).
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.std.get_envs()
    }

    /// The directory that it begins in, if one was set.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.std.get_current_dir()
    }

    /// Whether its [`Child`] has it killed when that is dropped.
    pub fn get_kill_on_drop(&self) -> bool {
        self.on_drop != OnDrop::GoesOn
    }

    /// The command of std.
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// The command of std, to set what this has no method for. Streams that are set there don't count as set here:
    /// [`output`](Self::output) has them be pipes.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// The command of std, for good.
    pub fn into_std(self) -> std::process::Command {
        self.std
    }
}

/// Its streams don't count as set here: [`output`](Command::output) has them be pipes.
impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Self {
        Command { std, is_set: [false; 3], on_drop: OnDrop::GoesOn }
    }
}

/// As std's.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

/// Why it could not be started: what the system says, with what it was and where.
#[cold]
fn failed(command: &std::process::Command, error: io::Error) -> io::Error {
    let program = command.get_program();
    if error.raw_os_error().is_none() {
        let message = format!("can't start {program:?}: {error}");
        return io::Error::new(error.kind(), message);
    }
    let is_missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    match command.get_current_dir() {
        Some(directory) if is_missing && !directory.is_dir() => {
            named(error, "starts", format_args!("{program:?} in {directory:?}, which is no directory"))
        }
        Some(directory) => named(error, "starts", format_args!("{program:?} in {directory:?}")),
        // The system says the same of a script whose interpreter is missing.
        None if is_missing && Path::new(program).is_file() && Path::new(program).components().count() > 1 => {
            named(error, "starts", format_args!("{program:?}, whose interpreter is missing"))
        }
        None => named(error, "starts", format_args!("{program:?}")),
    }
}
