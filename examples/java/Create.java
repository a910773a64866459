import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import livegate.v1.CreateSessionRequest;
import livegate.v1.Session;
import livegate.v1.SessionServiceGrpc;
import livegate.v1.SessionSettings;

/**
 * Creates sessions with mTLS and a bearer token, and prints them.
 *
 * <pre>java Create 127.0.0.1:50051 DIRECTORY 1</pre>
 *
 * <p>DIRECTORY has ca.crt, tls.crt, tls.key and token, as mounted in a pod. The last arguments are
 * numbers of audit images: one call for each. Run it from the root of the repository.
 */
public final class Create {
  // The first call of a JVM also loads classes and opens the connection.
  private static final int DEADLINE_SECONDS = 15;

  /** Reads the token again for each call, because the kubelet replaces it. */
  private static final class TokenFile extends CallCredentials {
    private static final Metadata.Key<String> AUTHORIZATION =
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private final Path path;

    TokenFile(Path path) {
      this.path = path;
    }

    @Override
    public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
      executor.execute(() -> {
        try {
          Metadata metadata = new Metadata();
          metadata.put(AUTHORIZATION, "Bearer " + Files.readString(path).trim());
          applier.apply(metadata);
        } catch (IOException failure) {
          applier.fail(Status.UNAUTHENTICATED.withCause(failure));
        }
      });
    }

    @Override
    public void thisUsesUnstableApi() {}
  }

  /** Opens a channel that retries as the service config says. */
  private static ManagedChannel connect(String endpoint, Path files) throws IOException {
    // grpc-java takes a map in which every number is a Double, as Gson parses it.
    String serviceConfig = Files.readString(Path.of("deploy/service-config.json"));
    Map<String, ?> parsed = new Gson().<Map<String, ?>>fromJson(serviceConfig, Map.class);
    return NettyChannelBuilder.forTarget("dns:///" + endpoint)
        .sslContext(GrpcSslContexts.forClient()
            .trustManager(files.resolve("ca.crt").toFile())
            .keyManager(files.resolve("tls.crt").toFile(), files.resolve("tls.key").toFile())
            .build())
        .defaultServiceConfig(parsed)
        .enableRetry()
        .build();
  }

  /** Returns a UUID version 7. */
  private static UUID uuid7() {
    UUID random = UUID.randomUUID();
    long time = System.currentTimeMillis() << 16 | 7 << 12 | random.getMostSignificantBits() & 0xfff;
    return new UUID(time, random.getLeastSignificantBits());
  }

  /** Prints the code, the reason, and what to fix or how long to wait. */
  private static void printError(StatusRuntimeException failure) throws InvalidProtocolBufferException {
    System.out.println(failure.getStatus().getCode() + " " + failure.getStatus().getDescription());
    for (Any detail : StatusProto.fromThrowable(failure).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        System.out.println("reason: " + detail.unpack(ErrorInfo.class).getReason());
      } else if (detail.is(RetryInfo.class)) {
        var delay = detail.unpack(RetryInfo.class).getRetryDelay();
        System.out.println("retry after: " + (delay.getSeconds() + delay.getNanos() / 1e9) + " s");
      } else if (detail.is(BadRequest.class)) {
        for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          System.out.println(violation.getField() + ": " + violation.getDescription());
        }
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    Path files = Path.of(arguments[1]);
    ManagedChannel channel = connect(arguments[0], files);
    var sessions = SessionServiceGrpc.newBlockingStub(channel)
        .withCallCredentials(new TokenFile(files.resolve("token")));
    for (int index = 2; index < arguments.length; index++) {
      CreateSessionRequest request = CreateSessionRequest.newBuilder()
          .setRequestId(uuid7().toString()) // once for each session that you want, outside of any retry
          .setSubject("user-7") // the end user, from your own login
          .setSettings(SessionSettings.newBuilder().setAuditImagesLimit(Integer.parseInt(arguments[index])))
          .build();
      try {
        Session session = sessions.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS).createSession(request).getSession();
        System.out.println(session.getSessionId() + " in " + session.getRegion());
      } catch (StatusRuntimeException failure) {
        printError(failure);
      }
    }
    channel.shutdownNow();
  }
}
