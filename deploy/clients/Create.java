// A caller in Java. It needs grpc-netty-shaded, grpc-protobuf and grpc-stub of io.grpc,
// com.google.code.gson:gson, and com.fasterxml.uuid:java-uuid-generator for version 7.
// protoc and protoc-gen-grpc-java generate the rest from proto/livegate/v1/session.proto.
// grpc-java takes a service config as a map in which every number is a Double, as
// Gson parses it. Run it from the root of the repository.
import com.fasterxml.uuid.Generators;
import com.google.gson.Gson;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import livegate.v1.SessionOuterClass.CreateSessionRequest;
import livegate.v1.SessionOuterClass.SessionSettings;
import livegate.v1.SessionServiceGrpc;

public class Create {
  public static void main(String[] arguments) throws Exception {
    String serviceConfig = Files.readString(Path.of("deploy/service-config.json"));
    ManagedChannel channel = ManagedChannelBuilder.forTarget("dns:///127.0.0.1:50051")
        .usePlaintext()
        .defaultServiceConfig(new Gson().fromJson(serviceConfig, Map.class))
        .enableRetry()
        .build();
    Metadata caller = new Metadata();
    caller.put(Metadata.Key.of("livegate-caller", Metadata.ASCII_STRING_MARSHALLER), "payments");
    CreateSessionRequest request = CreateSessionRequest.newBuilder()
        .setRequestId(Generators.timeBasedEpochGenerator().generate().toString()) // one id for all retries
        .setSettings(SessionSettings.newBuilder().setAuditImagesLimit(1))
        .build();
    try {
      var service = SessionServiceGrpc.newBlockingStub(channel)
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(caller))
          .withDeadlineAfter(10, TimeUnit.SECONDS);
      System.out.println(service.createSession(request).getSession());
    } catch (StatusRuntimeException failure) {
      System.out.println(failure.getStatus());
      for (var detail : StatusProto.fromThrowable(failure).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) System.out.println(detail.unpack(ErrorInfo.class));
        if (detail.is(RetryInfo.class)) {
          System.out.println("retry after " + detail.unpack(RetryInfo.class).getRetryDelay());
        }
      }
    } finally {
      channel.shutdownNow();
    }
  }
}
