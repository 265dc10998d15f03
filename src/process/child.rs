//! A child process that was started.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::time::Duration;

use super::communication::Communication;
use super::life::{Life, Number};
use super::orphans;
use super::waiting::{Waiting, may_wait};
use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{Pauses, Watched};
use crate::runtime::operation::Operation;
use crate::runtime::with_deadline::wait_within;

/// A child process, in the shape of [`std::process::Child`]: waiting for it suspends the task, not the thread. asyncio's `Process`.
///
/// Only [`wait`](Self::wait) and its kin want it for themselves, as in std, since they close the standard input. Any number of
/// tasks may wait by [`waiting`](Self::waiting), ask, and send signals, by reference. It may be used in a later run, by several threads, each in its own run;
/// what does not wait needs no run.
///
/// # Dropping
///
/// The child goes on, as with std, unless [`kill_on_drop`](super::Command::kill_on_drop) was set. Either way it leaves no zombie when it ends. A task that is
/// cancelled drops what it has, so that the same holds there.
///
/// # Examples
///
/// ```
/// use cede::process::{Command, Stdio};
/// use std::io::{BufRead, BufReader, Write};
///
/// cede::run(|| -> std::io::Result<()> {
///     let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
///     let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
///     let mut lines = BufReader::new(stdout).lines();
///     for question in ["one", "two"] {
///         writeln!(stdin, "{question}")?;
///         assert_eq!(lines.next().unwrap()?, question);
///     }
///     drop(stdin);
///     assert!(child.wait()?.success());
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub struct Child {
    /// What the child reads, if that is a pipe to here.
    pub stdin: Option<ChildStdin>,
    /// What the child says, if that is a pipe to here.
    pub stdout: Option<ChildStdout>,
    /// What the child says of errors, if that is a pipe to here.
    pub stderr: Option<ChildStderr>,
    life: Arc<Life>,
    /// Readable when it has ended. None where a thread waits for it.
    pidfd: Option<Watched<OwnedFd>>,
    /// It was the leader of a process group when it was started.
    leads_group: bool,
    on_drop: OnDrop,
    communication: Communication,
}

/// What becomes of a child that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDrop {
    GoesOn,
    IsKilled,
    /// And all that are in its group, if it leads one.
    GroupIsKilled,
}

impl Child {
    /// Takes over a child that was just started.
    pub(super) fn adopt(mut child: std::process::Child, program: String) -> io::Result<Self> {
        let pidfd = open_pidfd(&child);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let life = Life::new(child, program);
        let leads_group = life.leads_group();
        let mut child = Child {
            stdin: None,
            stdout: None,
            stderr: None,
            life,
            pidfd,
            leads_group,
            on_drop: OnDrop::GoesOn,
            communication: Communication::default(),
        };
        let adopted = child.take_pipes(pipes);
        // Where that fails nobody is going to have it.
        child.on_drop = if adopted.is_err() { OnDrop::GroupIsKilled } else { OnDrop::GoesOn };
        adopted.map(|()| child)
    }

    fn take_pipes(
        &mut self,
        (stdin, stdout, stderr): (
            Option<std::process::ChildStdin>,
            Option<std::process::ChildStdout>,
            Option<std::process::ChildStderr>,
        ),
    ) -> io::Result<()> {
        let life = &self.life;
        if let Some(pipe) = stdin {
            self.stdin = Some(ChildStdin::try_from(pipe)?.with_name(format!("the input of {life}")));
        }
        if let Some(pipe) = stdout {
            self.stdout = Some(ChildStdout::try_from(pipe)?.with_name(format!("the output of {life}")));
        }
        if let Some(pipe) = stderr {
            self.stderr = Some(ChildStderr::try_from(pipe)?.with_name(format!("the errors of {life}")));
        }
        Ok(())
    }

    pub(super) fn set_on_drop(&mut self, on_drop: OnDrop) {
        self.on_drop = on_drop;
    }

    pub(super) fn life(&self) -> &Arc<Life> {
        &self.life
    }

    pub(super) fn pidfd(&self) -> Option<&Watched<OwnedFd>> {
        self.pidfd.as_ref()
    }

    /// Its number among the processes; `pid` in asyncio. Once the child has ended and somebody has waited for it, another process may get that
    /// number.
    pub fn id(&self) -> u32 {
        self.life.id()
    }

    /// Closes the standard input, if it is here, and waits until the child has ended.
    ///
    /// asyncio's `wait` leaves the input open: that is [`waiting`](Self::waiting).
    ///
    /// # Errors
    ///
    /// When the status is lost, since SIGCHLD is ignored in this process or other code waits for all children there are; when a task may
    /// not wait here, and the child has not ended.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. Nothing is lost: the child may be waited for again.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.stdin = None;
        self.waiting().wait()
    }

    /// As [`wait`](Self::wait), but for so long at most: `None` if the child has not ended then.
    ///
    /// # Errors, cancellation
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::Command;
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let mut child = Command::new("sleep").arg("1000").spawn()?;
    ///     if child.wait_timeout(Duration::from_millis(1))?.is_none() {
    ///         child.kill()?;
    ///     }
    ///     assert!(!child.wait()?.success());
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        self.stdin = None;
        self.wait_within(timeout)
    }

    fn wait_within(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        may_wait()?;
        wait_within(pin!(self.waiting()), timeout).transpose()
    }

    /// The operation of waiting until the child has ended, for `select!`, and for several tasks. It leaves the standard input open.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{process::Command, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let child = Command::new("true").spawn()?;
    ///     cede::select! {
    ///         status = child.waiting() => assert!(status?.success()),
    ///         _ = after(Duration::from_secs(600)) => panic!("it takes long"),
    ///     }
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn waiting(&self) -> impl Operation<Output = io::Result<ExitStatus>> {
        Waiting::new(self)
    }

    /// The status if the child has ended, `None` if not: asyncio's `returncode`. Does not wait, and needs no run.
    ///
    /// # Errors
    ///
    /// When the status is lost; see [`wait`](Self::wait).
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.life.look()
    }

    /// Has the system end the child (SIGKILL), and does not wait for that. Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// When this process may not, as with a child that has become another user.
    pub fn kill(&self) -> io::Result<()> {
        self.send_signal(libc::SIGKILL)
    }

    /// Asks the child to end (SIGTERM). It may take its time, or not listen: [`shut_down`](Self::shut_down) is for these.
    ///
    /// # Errors
    ///
    /// As [`kill`](Self::kill).
    pub fn terminate(&self) -> io::Result<()> {
        self.send_signal(libc::SIGTERM)
    }

    /// Sends a signal by its number, such as `libc::SIGHUP` or `libc::SIGRTMIN() + 1`. Nothing happens if the child has ended: a process that has its number by
    /// then gets no signal. One that is stopped gets it when it goes on; SIGKILL and SIGCONT at once.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a number that no signal has which programs may use; as [`kill`](Self::kill).
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.life.signal(self.pidfd.as_ref().map(AsFd::as_fd), signal)
    }

    /// Sends a signal to the child and to all that it has started, as far as they are in the process group that it leads: Python's
    /// `os.killpg`. Those that are left are reached also when the child has ended. Nothing happens if nobody is.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where the child was not started as the leader of a group, which
    /// [`Command::process_group`](super::Command::process_group) does, and for a number as in [`send_signal`](Self::send_signal).
    /// [`Unsupported`](io::ErrorKind::Unsupported) where the child was waited for, and the system is none that can tell its group from
    /// a stranger's then (it is Linux before 6.9). When this process may not signal any of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::{Stdio, shell};
    /// use std::io::{self, Read};
    ///
    /// cede::run(|| -> io::Result<()> {
    ///     let mut child =
    ///         shell("sleep 1000 & sleep 1000 & echo begun; wait").process_group(0).stdout(Stdio::piped()).spawn()?;
    ///     let mut stdout = child.stdout.take().unwrap();
    ///     stdout.read_exact(&mut [0; 6])?;
    ///     child.send_signal_to_group(15)?;
    ///     // All who had the pipe have gone.
    ///     assert_eq!(io::read_to_string(stdout)?, "");
    ///     assert!(!child.wait()?.success());
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn send_signal_to_group(&self, signal: i32) -> io::Result<()> {
        self.signal_group(Some(signal), Number::MayBeAnothers).map(drop)
    }

    /// Has the system end the child and all that are in the group that it leads (SIGKILL), and does not wait for that.
    ///
    /// # Errors
    ///
    /// As [`send_signal_to_group`](Self::send_signal_to_group).
    pub fn kill_group(&self) -> io::Result<()> {
        self.send_signal_to_group(libc::SIGKILL)
    }

    fn signal_group(&self, signal: Option<i32>, trust: Number) -> io::Result<bool> {
        if !self.leads_group {
            let message = format!(
                "can't send a signal to the group of {}: it leads none. Start it with `process_group(0)`",
                self.life
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.life.signal_group(self.pidfd.as_ref().map(AsFd::as_fd), signal, trust)
    }

    /// Asks the child to end, and has it killed if it has not after this time; waits for its end either way. A child that is
    /// stopped is told to go on, so that it can hear.
    ///
    /// # Errors
    ///
    /// As [`kill`](Self::kill) and [`wait`](Self::wait).
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. The child was asked to end then, and not killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::{Stdio, shell};
    /// use std::io::Read;
    /// use std::os::unix::process::ExitStatusExt;
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let mut child = shell("trap '' TERM; echo deaf; while :; do sleep 1; done").stdout(Stdio::piped()).spawn()?;
    ///     child.stdout.as_mut().unwrap().read_exact(&mut [0; 5])?;
    ///     let status = child.shut_down(Duration::from_millis(10))?;
    ///     assert_eq!(status.signal(), Some(9));
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn shut_down(&self, grace: Duration) -> io::Result<ExitStatus> {
        self.terminate()?;
        self.send_signal(libc::SIGCONT)?;
        if let Some(status) = self.wait_within(grace)? {
            return Ok(status);
        }
        self.kill()?;
        self.waiting().wait()
    }

    /// As [`shut_down`](Self::shut_down), of all that are in the group that the child leads: they are asked to end, and who is left after this
    /// time is killed. Comes back when the child has ended and nobody is left, or was killed.
    ///
    /// The system tells nobody when a group is empty, so that is asked for every now and then once the child has ended.
    ///
    /// # Errors
    ///
    /// As [`send_signal_to_group`](Self::send_signal_to_group) and [`wait`](Self::wait).
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. They were asked to end then, and not killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::shell;
    /// use std::os::unix::process::ExitStatusExt;
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let child = shell("sleep 1000 & sleep 1000 & wait").process_group(0).spawn()?;
    ///     let status = child.shut_down_group(Duration::from_secs(10))?;
    ///     assert_eq!(status.signal(), Some(15));
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn shut_down_group(&self, grace: Duration) -> io::Result<ExitStatus> {
        let begin = crate::time::now();
        self.send_signal_to_group(libc::SIGTERM)?;
        // Somebody else may have waited for the leader meanwhile.
        self.signal_group(Some(libc::SIGCONT), Number::IsFresh)?;
        if let Some(status) = self.wait_within(grace)? {
            let mut pauses = Pauses::within(Some(grace.saturating_sub(crate::time::now() - begin)));
            while self.signal_group(None, Number::IsFresh)? {
                match pauses.pause() {
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        self.signal_group(Some(libc::SIGKILL), Number::IsFresh)?;
                        break;
                    }
                    paused => paused?,
                }
            }
            return Ok(status);
        }
        self.signal_group(Some(libc::SIGKILL), Number::IsFresh)?;
        self.waiting().wait()
    }

    /// Closes the standard input, reads what the child says, on both pipes at once, and waits until it has ended. What is not a pipe gives nothing.
    ///
    /// # Errors
    ///
    /// As [`communicate`](Self::communicate).
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, and the child is dropped. Where what it has said is wanted all the same:
    /// `communicate`.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.stdin = None;
        self.communicate("")
    }

    /// Writes to the standard input and closes it, reads what the child says, on both pipes at once, and waits until it has ended:
    /// asyncio's `communicate`. What is not a pipe gives nothing.
    ///
    /// All of it is kept in memory: where there may be much, read the pipes. A child that does not read its input, or closes it, is no
    /// error. The end of a pipe comes when all who have it have closed it: a child that leaves processes of its own behind which
    /// hold the pipes keeps this waiting, as in Python. Then a timeout helps.
    ///
    /// # Errors
    ///
    /// Those of the pipes; [`InvalidInput`](io::ErrorKind::InvalidInput) where there is an input and the standard input is no pipe to here, or
    /// closed; as [`wait`](Self::wait).
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. Nothing is lost: what was read, and what of the input was not written yet, stays here. The next
    /// call goes on, and writes its own input behind that; [`said_so_far`](Self::said_so_far) shows what has come.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::{Command, Stdio};
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     let output = child.communicate("b\na\n")?;
    ///     assert!(output.status.success());
    ///     assert_eq!(output.stdout, b"a\nb\n");
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn communicate(&mut self, input: impl Into<Vec<u8>>) -> io::Result<Output> {
        self.communicate_within(input.into(), None).map(|output| output.expect("there is no limit"))
    }

    /// As [`communicate`](Self::communicate), but for so long at most: `None` if the child has not ended then, or its pipes have not. What was
    /// read stays here, and it can be gone on with.
    ///
    /// # Errors, cancellation
    ///
    /// As [`communicate`](Self::communicate).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::process::{Stdio, shell};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let mut child = shell("echo begun; exec sleep 1000").stdout(Stdio::piped()).spawn()?;
    ///     while child.said_so_far().0.is_empty() {
    ///         assert!(child.communicate_timeout("", Duration::from_millis(1))?.is_none());
    ///     }
    ///     child.kill()?;
    ///     assert_eq!(child.communicate("")?.stdout, b"begun\n");
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn communicate_timeout(
        &mut self,
        input: impl Into<Vec<u8>>,
        timeout: Duration,
    ) -> io::Result<Option<Output>> {
        self.communicate_within(input.into(), Some(timeout))
    }

    fn communicate_within(
        &mut self,
        input: Vec<u8>,
        timeout: Option<Duration>,
    ) -> io::Result<Option<Output>> {
        if !input.is_empty() && self.stdin.is_none() {
            let message =
                format!("can't write to the input of {}: it is no pipe to here, or was closed", self.life);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.communication.add_input(input);
        let deadline = Communication::deadline(timeout);
        let pipes = (&mut self.stdin, &mut self.stdout, &mut self.stderr);
        if !self.communication.exchange(pipes, deadline)? {
            return Ok(None);
        }
        let status = match deadline {
            None => self.waiting().wait().map(Some),
            Some(deadline) => self.wait_within(deadline.saturating_duration_since(crate::time::now())),
        };
        let Some(status) = status? else { return Ok(None) };
        let (stdout, stderr) = self.communication.take_said();
        Ok(Some(Output { status, stdout, stderr }))
    }

    /// What has been read so far by a [`communicate`](Self::communicate) that was cancelled or took too long: from the standard output, and from that for
    /// errors.
    pub fn said_so_far(&self) -> (&[u8], &[u8]) {
        self.communication.said()
    }
}

/// A child that was started otherwise. Its pipes are in non-blocking mode here from now on.
///
/// Errors name it by its number alone. It goes on when this is dropped, and leaves no zombie.
impl TryFrom<std::process::Child> for Child {
    type Error = io::Error;

    fn try_from(mut child: std::process::Child) -> io::Result<Self> {
        // One that was waited for has no number any more, so that none can be asked for by it.
        let has_ended = child.try_wait()?.is_some();
        let mut child = Child::adopt(child, "started elsewhere".to_owned())?;
        child.pidfd.take_if(|_| has_ended);
        child.leads_group &= !has_ended;
        Ok(child)
    }
}

/// A descriptor of the process, where the system has such and one is left.
#[cfg(target_os = "linux")]
fn open_pidfd(child: &std::process::Child) -> Option<Watched<OwnedFd>> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    if std::env::var_os("CEDE_PROCESS").is_some_and(|how| how == "threads") {
        return None;
    }
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()?;
    // It is never read, so its mode does not matter.
    Some(Watched::of_nonblocking(pidfd, |_, f| f.write_str("a child")))
}

#[cfg(not(target_os = "linux"))]
fn open_pidfd(_: &std::process::Child) -> Option<Watched<OwnedFd>> {
    None
}

impl Drop for Child {
    fn drop(&mut self) {
        // Nobody is there to hear that it may not be done.
        let _ = match self.on_drop {
            OnDrop::GoesOn => Ok(()),
            OnDrop::IsKilled => self.kill(),
            OnDrop::GroupIsKilled if self.leads_group => self.kill_group(),
            OnDrop::GroupIsKilled => self.kill(),
        };
        orphans::adopt(Arc::clone(&self.life), self.pidfd.take().map(Watched::into_inner));
        orphans::look_at_left_over();
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
